"""What is taken for a command of a page, and what for a command's name; the end-to-end tests type the former."""

from __future__ import annotations

import re

import pytest
from tests.pages import PAGES, ROOT, Command, File, read

PAGE = """\
# Title

Type `kubectl get pods -A`, or `.venv/bin/socratasync run -f a.yaml`. What `kubectl set image` and `socratasync plan` do is
said by `kubectl` itself; `spec.suspend` and `--set a=b` are no commands.

## Section

```yaml
# ../mine/a.yaml
a: b
```

```yaml
a: c
```

```console
# said aside
export A=b    # aside
helm install x y \\
  --set c=d
```

```
NAME   READY
```

| a | `kubectl exec x -- crd \\| kubectl apply -f -` |
"""


def test_commands_and_files_of_a_page_are_found_in_their_order() -> None:
    found = list(read("page.md", PAGE))

    assert [(s.section, s.line, s.text) for s in found if isinstance(s, Command)] == [
        ("Title", 3, "kubectl get pods -A"),
        ("Title", 3, ".venv/bin/socratasync run -f a.yaml"),
        ("Section", 19, "export A=b    # aside"),
        ("Section", 20, "helm install x y \\\n  --set c=d"),
        ("Section", 28, "kubectl exec x -- crd | kubectl apply -f -"),
    ]
    assert [(s.path, s.text) for s in found if isinstance(s, File)] == [
        ("../mine/a.yaml", "# ../mine/a.yaml\na: b\n")
    ]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_is_typed_has_its_commands_in_blocks_called_console(page: str) -> None:
    fences = re.findall(r"^```(.*)$", (ROOT / page).read_text(), re.MULTILINE)

    assert len(fences) % 2 == 0
    assert set(fences) <= {"", "console", "yaml", "sql"}
