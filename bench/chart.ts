// The picture of the benchmarks for the README: how many times as fast as each rival, on a logarithmic scale around 1.

/** One figure of ours beside the same figure of a rival, of the same run. */
export interface Comparison {
  readonly what: string;
  readonly rival: string;
  /** How many times as fast as the rival, or as cheap: above 1, ours is ahead. */
  readonly times: number;
}

export interface Group {
  readonly title: string;
  readonly comparisons: readonly Comparison[];
}

const WIDTH = 960;
const ROW = 22;
const TITLE_ROW = 34;
const LABEL = 500;
const BARS = { from: LABEL + 16, to: WIDTH - 76 };
/** What lies beyond is cut off, and its figure tells. */
const SCALE = { least: 1 / 2, most: 8 };
const TICKS = [0.5, 1, 2, 4, 8];
const TOP = 48;

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1d2523 }
  .title { font-weight: 650 }
  .rival, .tick { fill: #5d6966 }
  .tick { font-size: 11px; text-anchor: middle }
  .what { text-anchor: end }
  .grid { stroke: #e3e6e4 }
  .level { stroke: #5d6966 }
  .ahead { fill: #2f7d5b }
  .behind { fill: #c4823c }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e9e7 }
    .rival, .tick { fill: #9aa6a2 }
    .grid { stroke: #2d3432 }
    .level { stroke: #9aa6a2 }
    .ahead { fill: #57b48a }
    .behind { fill: #dba164 }
  }`;

/** An SVG that follows the reader's colour scheme. */
export function chart(groups: readonly Group[]): string {
  const parts: string[] = [];
  let y = TOP;
  for (const { title, comparisons } of groups) {
    y += TITLE_ROW;
    parts.push(`<text class="title" x="12" y="${y - 9}">${Bun.escapeHTML(title)}</text>`);
    for (const one of comparisons) {
      parts.push(row(one, y));
      y += ROW;
    }
  }
  const height = y + 16;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    "<title>Cairn beside its rivals: how many times as fast, or as cheap</title>",
    `<style>${STYLE}\n</style>`,
    `<text class="rival" x="12" y="22">How many times as fast as the rival, or, for CPU, as cheap; measured in turn in one run.</text>`,
    ...TICKS.map((tick) => scaleLine(tick, height)),
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function row({ what, rival, times }: Comparison, y: number): string {
  const [level, end] = [place(1), place(times)];
  const [left, width] = [Math.min(level, end), Math.max(1, Math.abs(end - level))];
  return [
    `<text class="what" x="${LABEL}" y="${y + 13}">${Bun.escapeHTML(what)} <tspan class="rival">${Bun.escapeHTML(rival)}</tspan></text>`,
    `<rect class="${times >= 1 ? "ahead" : "behind"}" x="${left.toFixed(1)}" y="${y + 2}" width="${width.toFixed(1)}" height="${ROW - 7}" rx="2"/>`,
    `<text x="${(Math.max(level, end) + 6).toFixed(1)}" y="${y + 13}">${times < 10 ? times.toFixed(2) : times.toFixed(0)} ×</text>`,
  ].join("");
}

function scaleLine(tick: number, height: number): string {
  const x = place(tick).toFixed(1);
  return `<line class="${tick === 1 ? "level" : "grid"}" x1="${x}" x2="${x}" y1="${TOP}" y2="${height - 10}"/><text class="tick" x="${x}" y="${TOP - 6}">${tick} ×</text>`;
}

function place(times: number): number {
  const within = Math.min(SCALE.most, Math.max(SCALE.least, times));
  const share = Math.log(within / SCALE.least) / Math.log(SCALE.most / SCALE.least);
  return BARS.from + share * (BARS.to - BARS.from);
}
