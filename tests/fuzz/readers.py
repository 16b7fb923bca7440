"""All readers of outside input, by name."""

from tests.fuzz.binary_readers import BINARY_READERS
from tests.fuzz.keras_readers import KERAS_READERS
from tests.fuzz.reader import Reader
from tests.fuzz.text_readers import TEXT_READERS

READERS: dict[str, Reader] = TEXT_READERS | BINARY_READERS | KERAS_READERS
