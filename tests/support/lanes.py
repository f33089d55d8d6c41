"""Tests of the compiled engine run where it was built."""

import pytest

from service.domain.passwords.lanes import IS_BUILT

needs_lanes = pytest.mark.skipif(not IS_BUILT, reason="the compiled engine was not built")
