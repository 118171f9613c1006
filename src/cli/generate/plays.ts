// A CSV of plays, `Song,Date,Number of Plays`, for the aggregation: row after row in constant memory.

import { seededRandom } from "./random.ts";

export interface PlaysPlan {
  readonly rows: number;
  /** Different songs. */
  readonly songs: number;
  /** Different dates, going back from `end`. */
  readonly days: number;
  /** The last day, `YYYY-MM-DD`. */
  readonly end: string;
  readonly seed: number;
}

const FIRST = [
  "Blue",
  "Silver",
  "Broken",
  "Endless",
  "Golden",
  "Paper",
  "Electric",
  "Quiet",
  "Último",
  "冬の",
] as const;
const SECOND = [
  "River",
  "Heart",
  "Road",
  "Summer",
  "Machine",
  "Dancer",
  "Letter",
  "Train",
  "Garden",
  "歌",
] as const;
const DAY = 86_400_000;
const ROWS_PER_PIECE = 4_096;
/** Names that are kept; beyond, each is made anew. */
const KEPT_NAMES = 65_536;

/** The header, then the rows, in pieces of text of some 150 kB. Names with commas and quotes are among them, quoted. */
export function* playsCsv({ rows, songs, days, end, seed }: PlaysPlan): Generator<string> {
  const random = seededRandom(seed);
  const last = Date.parse(`${end}T00:00:00Z`);
  const dates = Array.from({ length: days }, (_, back) =>
    new Date(last - back * DAY).toISOString().slice(0, 10),
  );
  const names = Array.from({ length: Math.min(songs, KEPT_NAMES) }, (_, song) => songField(song));
  yield "Song,Date,Number of Plays\n";
  for (let row = 0; row < rows; ) {
    const piece = Math.min(rows, row + ROWS_PER_PIECE);
    let text = "";
    for (; row < piece; row += 1) {
      const song = random.below(songs);
      text += `${names[song] ?? songField(song)},${random.pick(dates)},${1 + random.below(1_000)}\n`;
    }
    yield text;
  }
}

/** Every seventh name has a comma, every eleventh quotes: as a field of RFC 4180. */
function songField(song: number): string {
  const words = `${FIRST[song % FIRST.length]} ${SECOND[Math.floor(song / 10) % SECOND.length]}`;
  const quoted = song % 11 === 10 ? `The "${words}"` : words;
  const name = song % 7 === 6 ? `${quoted}, No. ${song}` : `${quoted} ${song}`;
  return /[",]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}
