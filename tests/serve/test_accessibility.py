"""The page for those who use a keyboard, a screen reader or need contrast, in every view."""

import pytest

pytestmark = pytest.mark.slow

AUDIT = """() => {
  const found = [];
  const visible = [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility());
  const tell = (e) => `${e.tagName.toLowerCase()}#${e.id || e.textContent.trim().slice(0, 20)}`;
  const named = (e) => e.getAttribute('aria-label')?.trim() || e.title || e.labels?.length
    || e.getAttribute('aria-labelledby')?.split(' ').every((id) => document.getElementById(id))
    || e.textContent.trim();
  for (const e of visible) {
    if (e.matches('button, a, select, input, iframe, svg, dialog, [role]:not([role=alert])')
      && !named(e)) found.push(`no name: ${tell(e)}`);
    if (e.matches('canvas:not([aria-hidden=true])') && !e.getAttribute('aria-label')) {
      found.push(`no name: ${tell(e)}`);
    }
    if (e.matches('button, select, input, nav a')) {
      const box = e.getBoundingClientRect();
      if (Math.min(box.width, box.height) < 24) found.push(`small: ${tell(e)}`);
    }
  }
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  if (new Set(ids).size < ids.length) found.push('an id stands there twice');
  let level = 0;
  for (const e of visible.filter((v) => /^H[1-6]$/.test(v.tagName))) {
    if (e.tagName[1] - level > 1) found.push(`heading skips: ${tell(e)}`);
    level = Number(e.tagName[1]);
  }
  const rgb = (text) => text.match(/^rgba?\\(([^)]+)\\)/)?.[1].split(',').map(Number);
  const light = (c) => c.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  let compared = 0;
  for (const e of visible) {
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!text || e.matches(':disabled') || e.closest('svg')) continue;
    let back = null;
    for (let at = e; at && !back; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color && color[3] !== 0) back = color;
    }
    const [one, two] = [light(rgb(getComputedStyle(e).color)), light(back)];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    compared += 1;
    if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(1)}: ${tell(e)}`);
  }
  if (compared < 5) found.push(`only ${compared} texts were compared`);
  if (!document.documentElement.lang) found.push('no language');
  return found;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_has_a_name_a_size_and_contrast(browser, server, scheme):
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
    page.wait_for_selector("#near button")
    assert page.evaluate(AUDIT) == []
    page.keyboard.press("Escape")
    page.goto(f"{server.url}#runs")
    page.wait_for_selector("#runs tbody tr")
    page.check("#runs input")
    assert page.evaluate(AUDIT) == []
    titles.add(page.title())
    assert len(titles) == 3
    page.evaluate(
        "() => { const t = document.querySelector('#trouble');"
        " t.textContent = 'The server does not respond.'; t.hidden = false }"
    )
    assert page.evaluate(AUDIT) == []
    page.close()


def test_the_audit_finds_what_is_wrong(page, server):
    page.goto(server.url)
    page.wait_for_function("() => document.querySelector('#undo').disabled")
    page.evaluate(
        """() => {
          const round = document.querySelector('#round');
          round.textContent = '';
          round.id = 'undo';
          const said = document.querySelector('#said');
          said.style.color = getComputedStyle(document.body).backgroundColor;
        }"""
    )
    result = page.evaluate(AUDIT)
    assert any(each.startswith("no name: button") for each in result)
    assert any(each.startswith("contrast 1.0: p#said") for each in result)
    assert "an id stands there twice" in result


def test_tab_follows_the_order_of_the_page(page, server):
    def stops(count):
        places = []
        for _ in range(count):
            page.keyboard.press("Tab")
            places.append(
                page.evaluate(
                    "() => { const e = document.activeElement; return e.id || e.name || e.hash }"
                )
            )
            assert page.evaluate(
                "() => { const s = getComputedStyle(document.activeElement);"
                " return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 }"
            )
        return places

    page.goto(server.url)
    page.wait_for_function("() => document.querySelector('#undo').disabled")
    assert stops(6) == ["#main", "#draw", "#browse", "#runs", "canvas", "round"]
    page.goto(f"{server.url}#browse")
    page.reload()
    page.wait_for_function("() => document.querySelector('#grid').dataset.ready")
    assert stops(5)[4:] == ["collection"]
    page.focus("select[name=split]") if page.is_visible("select[name=split]") else page.focus(
        "select[name=recognized]"
    )
    assert stops(1) == ["grid"]
