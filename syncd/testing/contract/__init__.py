"""The contract that every adapter keeps, as tests that any project can run on its own adapter.

Write a :class:`~syncd.testing.contract.bench.Bench` for the system, and name it in ``conftest.py``:

    pytest.register_assert_rewrite("syncd.testing.contract")
    from syncd.testing.contract.fixtures import *

    @pytest.fixture
    def bench():
        return MyBench()

Then one test module takes the tests in:

    from syncd.testing.contract.reading import *
    from syncd.testing.contract.incremental import *
    from syncd.testing.contract.looking_up import *
    from syncd.testing.contract.updating import *
    from syncd.testing.contract.inserting_and_deleting import *
    from syncd.testing.contract.images import *
    from syncd.testing.contract.refusals import *
    from syncd.testing.contract.tags import *
    from syncd.testing.contract.capabilities import *

A test that does not apply (of labels, where annotations are rows) is skipped with the reason. Needs pytest.
"""
