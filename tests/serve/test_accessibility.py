"""Accessibility of every view: names for screen readers, keyboard, sizes and contrast."""

import pytest

pytestmark = pytest.mark.xdist_group("serve")  # one server, one browser

AUDIT = """() => {
  const problems = [];
  const visible = [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility());
  const describe = (e) => `${e.tagName.toLowerCase()}#${e.id || e.textContent.trim().slice(0, 20)}`;
  const named = (e) => e.getAttribute('aria-label')?.trim() || e.title || e.labels?.length
    || e.getAttribute('aria-labelledby')?.split(' ').every((id) => document.getElementById(id))
    || e.textContent.trim();
  for (const e of visible) {
    if (e.matches('button, a, select, input, iframe, svg, dialog, [role]:not([role=alert])')
      && !named(e)) problems.push(`no name: ${describe(e)}`);
    if (e.matches('canvas:not([aria-hidden=true])') && !e.getAttribute('aria-label')) {
      problems.push(`no name: ${describe(e)}`);
    }
    if (e.matches('button, select, input, nav a')) {
      const box = e.getBoundingClientRect();
      if (Math.min(box.width, box.height) < 24) problems.push(`small: ${describe(e)}`);
    }
  }
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  if (new Set(ids).size < ids.length) problems.push('duplicate id');
  let level = 0;
  for (const e of visible.filter((v) => /^H[1-6]$/.test(v.tagName))) {
    if (e.tagName[1] - level > 1) problems.push(`heading skips: ${describe(e)}`);
    level = Number(e.tagName[1]);
  }
  const rgb = (text) => text.match(/^rgba?\\(([^)]+)\\)/)?.[1].split(',').map(Number);
  const luminance = (c) => c.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  let checked = 0;
  for (const e of visible) {
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!text || e.matches(':disabled') || e.closest('svg')) continue;
    let back = null;
    for (let at = e; at && !back; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color && color[3] !== 0) back = color;
    }
    const [one, two] = [luminance(rgb(getComputedStyle(e).color)), luminance(back)];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    checked += 1;
    if (ratio < 4.5) problems.push(`contrast ${ratio.toFixed(1)}: ${describe(e)}`);
  }
  if (checked < 5) problems.push(`only ${checked} texts were checked`);
  if (!document.documentElement.lang) problems.push('no language');
  return problems;
}"""


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_names_sizes_and_contrast(browser, server, scheme):
    page = browser.new_page(viewport={"width": 1100, "height": 860}, color_scheme=scheme)
    titles = set()
    page.goto(server.url)
    page.wait_for_function("() => document.querySelector('#undo').disabled")
    page.mouse.move(200, 300)
    page.mouse.down()
    page.mouse.move(300, 400)
    page.mouse.up()
    page.wait_for_selector("#guesses li")
    assert page.evaluate(AUDIT) == []
    titles.add(page.title())
    page.goto(f"{server.url}#browse")
    page.wait_for_function("() => document.querySelector('#grid').dataset.ready")
    assert page.evaluate(AUDIT) == []
    titles.add(page.title())
    page.focus("#grid")
    page.keyboard.press("Enter")
    page.wait_for_selector("#neighbors button")
    assert page.evaluate(AUDIT) == []
    page.keyboard.press("Escape")
    page.goto(f"{server.url}#runs")
    page.wait_for_selector("#runs tbody tr")
    page.check("#runs input")
    assert page.evaluate(AUDIT) == []
    titles.add(page.title())
    assert len(titles) == 3
    page.evaluate("() => { const t = document.querySelector('#error');"
                  " t.textContent = 'No response.'; t.hidden = false }")  # fmt: skip
    assert page.evaluate(AUDIT) == []
    page.close()


@pytest.mark.slow
def test_the_audit_finds_problems(page, server):
    page.goto(server.url)
    page.wait_for_function("() => document.querySelector('#undo').disabled")
    page.evaluate(
        """() => {
          const round = document.querySelector('#round');
          round.textContent = '';
          round.id = 'undo';
          const message = document.querySelector('#message');
          message.style.color = getComputedStyle(document.body).backgroundColor;
        }"""
    )
    result = page.evaluate(AUDIT)
    assert any(each.startswith("no name: button") for each in result)
    assert any(each.startswith("contrast 1.0: p#message") for each in result)
    assert "duplicate id" in result


@pytest.mark.slow
def test_tab_order(page, server):
    def press_tab(count):
        focused = []
        for _ in range(count):
            page.keyboard.press("Tab")
            focused.append(
                page.evaluate(
                    "() => { const e = document.activeElement; return e.id || e.name || e.hash }"
                )
            )
            assert page.evaluate(
                "() => { const s = getComputedStyle(document.activeElement);"
                " return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 }"
            )
        return focused

    page.goto(server.url)
    page.wait_for_function("() => document.querySelector('#undo').disabled")
    assert press_tab(6) == ["#main", "#draw", "#browse", "#runs", "canvas", "round"]
    page.goto(f"{server.url}#browse")
    page.reload()
    page.wait_for_function("() => document.querySelector('#grid').dataset.ready")
    assert press_tab(5)[4:] == ["collection"]
    page.focus("select[name=split]") if page.is_visible("select[name=split]") else page.focus(
        "select[name=recognized]"
    )
    assert press_tab(1) == ["grid"]
