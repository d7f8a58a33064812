"""The shape of a cart in the form in which it is stored, TMF663 v4, from its schema file.

`COMPLETE` is what v4 shows as it is stored. `STORED` is every cart that may be stored: without what v4 makes mandatory, which a cart
of another version may lack, but with what a later order cannot do without (a party, an offering or a characteristic that
nothing identifies), and with words and date-times that are understood beside those of the file.
"""

from __future__ import annotations

from typing import Final

from gateway.tmf.schema import Shape, definitions, lenient_definitions
from gateway.tmf.schema_keywords import LENIENT_FORMATS

COMPLETE: Final = Shape(definitions("tmf663_v4"), "ShoppingCart")
STORED: Final = Shape(lenient_definitions("tmf663_v4", mandatory=False), "ShoppingCart", LENIENT_FORMATS)
