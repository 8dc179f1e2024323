// The live view of `meercat up`: on a terminal a table that is drawn in place, elsewhere plain lines.

import type { FleetView } from '../redis/fleet-view.js';
import { renderFleet, renderLines } from './render.js';
import { openScreen } from './screen.js';

const DRAW_EVERY_MS = 500;
const LINES_EVERY_MS = 5000;

/** The last lines that the parts of the fleet said, shown under the table. */
const LINES_KEPT = 8;

/** What is shown. */
export interface Shown {
  readonly summary: readonly string[];
  view(): Promise<FleetView | null>;
}

/** A running live view. */
export interface Live {
  /** One line that a part of the fleet said. */
  onLine(line: string): void;
  stop(): void;
}

/** Shows the fleet until it is stopped. */
export function showFleet(fleet: Shown, out: NodeJS.WriteStream): Live {
  return out.isTTY ? showTable(fleet, out) : showLines(fleet, out);
}

function showTable(fleet: Shown, out: NodeJS.WriteStream): Live {
  const screen = openScreen(out);
  const said: string[] = [];
  let last = 'no figures yet';
  async function draw(): Promise<void> {
    const view = await fleet.view();
    // While Redis is away the last figures stay, with a word about it.
    last = view === null ? `${last.replace(/\nRedis is away.*$/, '')}\nRedis is away: these figures are old` : renderFleet(view);
    screen.draw([last, '', ...fleet.summary, 'stop       Ctrl-C', '', ...said].join('\n'));
  }
  const timer = setInterval(() => void draw(), DRAW_EVERY_MS);
  void draw();
  return {
    onLine(line) {
      said.push(line);
      if (said.length > LINES_KEPT) said.shift();
    },
    stop() {
      clearInterval(timer);
      screen.close();
      out.write('meercat: stopping the fleet …\n');
    },
  };
}

function showLines(fleet: Shown, out: NodeJS.WriteStream): Live {
  const print = (line: string): void => void out.write(`${line}\n`);
  for (const line of ['ready', ...fleet.summary]) print(line);
  const timer = setInterval(() => void look(), LINES_EVERY_MS);
  async function look(): Promise<void> {
    const view = await fleet.view();
    for (const line of view === null ? ['redis is away'] : renderLines(view)) print(line);
  }
  return {
    onLine: print,
    stop() {
      clearInterval(timer);
      print('stopping');
    },
  };
}
