import pytest

pytest.register_assert_rewrite("tests.claude_code.live.truth")
