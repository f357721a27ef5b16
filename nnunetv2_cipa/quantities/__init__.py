"""PET as clinicians and challenges read it: uptake, volume, glycolysis; lesions found; borders; agreement of numbers.

Numbers and volumes only: this room knows nothing of networks, of nnU-Net or of where masks come from.
"""

from .uptake import LesionQuantities, Quantities, TotalQuantities, quantify

__all__ = ["LesionQuantities", "Quantities", "TotalQuantities", "quantify"]
