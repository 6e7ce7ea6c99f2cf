#include "quantizer/report_template.h"

namespace octet::quantizer {

const std::string_view report_style = R"css(
:root {
  color-scheme: light dark;
  --page: #fbfbf9; --panel: #ffffff; --ink: #1c2126; --soft: #5b646e; --rule: #dfe2e5; --shade: #f1f3f5;
  --accent: #1f5fa8; --bad: #c62f2f; --bad-shade: #fbe9e7; --fill: #9db8d6;
  --minmax: #6d747c; --percentile: #0b8577; --entropy: #d0670a; --mse: #7444c9;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #15181b; --panel: #1d2125; --ink: #e4e7ea; --soft: #9ca5ae; --rule: #343a40; --shade: #262b30;
    --accent: #7db4ee; --bad: #ff7b72; --bad-shade: #43201F; --fill: #44617F;
    --minmax: #a2aab2; --percentile: #37c2b1; --entropy: #f59a4a; --mse: #b18cff;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem clamp(1rem, 3vw, 2.5rem) 4rem; max-width: 1400px;
  background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.25rem; margin: 3rem 0 .4rem; padding-top: .9rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.8rem 0 .5rem; }
p { max-width: 76ch; margin: .4rem 0 .9rem; }
p.lead { color: var(--soft); margin-top: 0; }
code, td.name { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .86em; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; margin: 1.2rem 0 0; }
a { color: var(--accent); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: .8rem; margin: 1.4rem 0; }
.tile, figure, details.grid { background: var(--panel); border: 1px solid var(--rule); border-radius: 8px; }
.tile { padding: .7rem 1rem .8rem; }
.tile span { display: block; color: var(--soft); font-size: .85rem; }
.tile b { display: block; font-size: 1.45rem; font-weight: 600; line-height: 1.3; }
.tile b.bad { color: var(--bad); }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .15rem 1.4rem; margin: 1rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .28rem .75rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
th { font-weight: 600; color: var(--soft); font-size: .86rem; vertical-align: bottom; white-space: normal; }
th.text, td.text, td.name { text-align: left; }
td.name { white-space: normal; overflow-wrap: anywhere; min-width: 15rem; }
tr.sum td { font-weight: 600; border-top: 2px solid var(--rule); }
td.bad { color: var(--bad); background: var(--bad-shade); font-weight: 600; }
table.layers { width: 100%; font-size: .86rem; }
table.layers th, table.layers td { padding: .2rem .55rem; }
table.layers td.name { min-width: 19rem; }
table.layers tbody tr:hover { background: var(--shade); }
table.layers thead th { position: sticky; top: 0; background: var(--page); }
.tall { max-height: 46rem; overflow: auto; border: 1px solid var(--rule); border-radius: 8px; }
th button { all: unset; cursor: pointer; }
th button:hover, th button:focus-visible { color: var(--accent); text-decoration: underline; }
th[aria-sort=ascending] button::after { content: " \25B4"; }
th[aria-sort=descending] button::after { content: " \25BE"; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 540px), 1fr)); gap: 1rem; align-items: start; }
.cards.small { grid-template-columns: repeat(auto-fill, minmax(min(100%, 380px), 1fr)); }
details.grid { padding: 0 .9rem; overflow-x: auto; }
details.grid[open] { padding-bottom: .7rem; }
summary { cursor: pointer; padding: .5rem 0; overflow-wrap: anywhere; }
summary small, figcaption small { color: var(--soft); font-size: .86em; }
details.grid table { font-size: .86rem; width: 100%; }
details.grid th, details.grid td { padding: .15rem .35rem; }
tr.chosen td { font-weight: 700; background: var(--shade); }
button.plain { font: inherit; color: var(--accent); background: none; border: 1px solid var(--rule); border-radius: 6px; padding: .2rem .8rem; cursor: pointer; }
figure { margin: 0 0 1rem; padding: .8rem .9rem; }
figcaption { margin: 0 0 .4rem; overflow-wrap: anywhere; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: .8rem; }
.pair.zoomed { grid-template-columns: 1fr; }
.pair img { width: 100%; height: auto; display: block; border-radius: 4px; cursor: zoom-in; }
.pair.zoomed img { cursor: zoom-out; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.3rem; font-size: .88rem; color: var(--soft); margin: .2rem 0 .6rem; }
.key { display: inline-block; width: 1.5em; height: .62em; margin-right: .45em; border-radius: 2px; }
.none { color: var(--soft); font-style: italic; }

svg.chart { display: block; width: 100%; height: auto; }
svg.chart text { font-size: 11px; fill: var(--soft); }
svg.chart .end { text-anchor: end; }
svg.chart .mid { text-anchor: middle; }
svg.chart .name { font-size: 11.5px; }
.rule { stroke: var(--rule); fill: none; }
.axis { stroke: var(--soft); fill: none; }
.counts { fill: var(--fill); stroke: none; }
.outside { fill: var(--bad); opacity: .12; }
.end-of-range { fill: none; stroke-width: 1.4; stroke-dasharray: 5 4; }
.end-of-range.chosen { stroke-width: 2.6; stroke-dasharray: none; }
.accumulated { fill: none; stroke: var(--accent); stroke-width: 1.5; stroke-linejoin: round; }
.dot-accumulated { fill: var(--accent); }
.dot-alone { fill: var(--percentile); opacity: .75; }
.dot-bad { fill: var(--bad); }
.key.accumulated, .key.coordinates { background: var(--accent); }
.key.alone { background: var(--percentile); border-radius: 50%; width: .65em; height: .65em; }
.key.worst { background: var(--bad); border-radius: 50%; width: .65em; height: .65em; }
.key.scores { background: var(--entropy); }
.key.outside { background: var(--bad); opacity: .3; }
.coordinates { fill: var(--accent); opacity: .45; }
.scores { fill: var(--entropy); opacity: .8; }
.minmax { stroke: var(--minmax); } .key.minmax { background: var(--minmax); }
.percentile { stroke: var(--percentile); } .key.percentile { background: var(--percentile); }
.entropy { stroke: var(--entropy); } .key.entropy { background: var(--entropy); }
.mse { stroke: var(--mse); } .key.mse { background: var(--mse); }
.key.grid16 { background: var(--ink); }
.divergence { fill: none; stroke: var(--entropy); stroke-width: 1.6; }
.dot-entropy { fill: var(--entropy); }
@media (max-width: 900px) { figure.wide svg.chart text { font-size: 16px; } }
@media print { .tall { max-height: none; } nav, button.plain { display: none; } }
)css";

const std::string_view report_script = R"js(
document.querySelectorAll('table.layers').forEach(table => {
  const body = table.tBodies[0];
  const heads = Array.from(table.tHead.rows[0].cells);
  const key = (row, column) => {
    const cell = row.cells[column];
    const value = cell.dataset.value ?? cell.textContent;
    const number = Number(value);
    return Number.isNaN(number) ? value : number;
  };
  heads.forEach((head, column) => head.querySelector('button').addEventListener('click', () => {
    const falling = head.getAttribute('aria-sort') === 'ascending';
    heads.forEach(other => other.removeAttribute('aria-sort'));
    head.setAttribute('aria-sort', falling ? 'descending' : 'ascending');
    const order = (a, b) => typeof a === 'number' ? (typeof b === 'number' ? a - b : -1) : String(a).localeCompare(String(b));
    const rows = Array.from(body.rows).sort((a, b) => order(key(a, column), key(b, column)));
    (falling ? rows.reverse() : rows).forEach(row => body.appendChild(row));
  }));
});
document.querySelectorAll('button.plain').forEach(button => button.addEventListener('click', () => {
  const cards = Array.from(document.getElementById(button.dataset.cards).querySelectorAll('details'));
  const open = cards.some(card => !card.open);
  cards.forEach(card => { card.open = open; });
  button.textContent = open ? 'Close all' : 'Open all';
}));
document.querySelectorAll('.pair img').forEach(image => image.addEventListener('click', () => {
  image.closest('.pair').classList.toggle('zoomed');
}));
)js";

}  // namespace octet::quantizer
