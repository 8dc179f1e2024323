// The live view of `meercat up`: on a terminal a table that is drawn in place, elsewhere plain lines.

import type { FleetEvent } from '../redis/event-message.js';
import type { FleetView } from '../redis/fleet-view.js';
import { openFleetScreen } from './fleet-screen.js';
import { wantsColour } from './lines.js';
import { renderLines } from './render.js';
import { canDraw, type Terminal } from './screen.js';
import { LOOK_EVERY_MS } from './watch-status.js';

const LINES_EVERY_MS = 5000;

/** What is shown. */
export interface Shown {
  readonly summary: readonly string[];
  view(): Promise<FleetView | null>;
}

/** A running live view. */
export interface Live {
  /** One line that a part of the fleet said. */
  onLine(line: string): void;
  /** Something happened; shown on a terminal alone. */
  onEvent(event: FleetEvent): void;
  stop(): void;
}

/** Shows the fleet until it is stopped; `onEnd` is called when a person asks for that with Ctrl-C. */
export function showFleet(fleet: Shown, terminal: Terminal, onEnd: () => void): Live {
  return canDraw(terminal.output, process.env) ? showTable(fleet, terminal, onEnd) : showLines(fleet, terminal.output);
}

function showTable(fleet: Shown, terminal: Terminal, onEnd: () => void): Live {
  const screen = openFleetScreen(terminal, {
    isColoured: wantsColour(undefined, terminal.output, process.env),
    notes: fleet.summary,
    isQuitByQ: false,
    endWord: 'stop',
    onEnd,
  });
  async function look(): Promise<void> {
    const view = await fleet.view();
    if (view === null) screen.showTrouble('Redis is away');
    else screen.show(view);
  }
  const timer = setInterval(() => void look(), LOOK_EVERY_MS);
  void look();
  return {
    onLine: (line) => screen.onLine(line),
    onEvent: (event) => screen.onEvent(event),
    stop() {
      clearInterval(timer);
      screen.close();
      terminal.output.write('meercat: stopping the fleet …\n');
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
    onEvent: () => undefined,
    stop() {
      clearInterval(timer);
      print('stopping');
    },
  };
}
