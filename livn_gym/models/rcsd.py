"""Default model: reduced two-compartment cells with calcium currents in soma and dendrite."""

from __future__ import annotations

from typing import final

from livn_gym.checks import checked
from livn_gym.models.booth_rinzel_kiehn import BoothRinzelKiehn
from livn_gym.models.excitatory_inhibitory import ExcitatoryInhibitory
from livn_gym.models.pinsky_rinzel import PinskyRinzel


@checked
@final
class ReducedCalciumSomaDendrite(ExcitatoryInhibitory):
    """Model with EXC cells after Booth, Rinzel & Kiehn (1997) and INH cells after Pinsky & Rinzel (1994).

    Args:
        exc: Parameters of EXC cells, or the name of a parameter set of ``BoothRinzelKiehn``.
        inh: Parameters of INH cells, or the name of a parameter set of ``PinskyRinzel``.
    """

    def __init__(self, exc: BoothRinzelKiehn | str = "culture", inh: PinskyRinzel | str = "culture") -> None:
        super().__init__(
            BoothRinzelKiehn.named(exc) if isinstance(exc, str) else exc,
            PinskyRinzel.named(inh) if isinstance(inh, str) else inh,
        )
