"""The marker that ties a test to the equations of the book which it verifies."""


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "verifies(*labels): compares the function that computes these equations of the book with a witness"
    )
