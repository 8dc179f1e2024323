// The fleet on a terminal, for `status --watch` and `up`: the last figures, what was said and what happened in the last
// minute, sorted and scrolled by keys. It reads nothing itself; a key is answered at once with what it has.

import { MINUTE } from '../clock.js';
import type { FleetEvent } from '../redis/event-message.js';
import type { FleetView } from '../redis/fleet-view.js';
import { nextSortKey, type SortKey } from './fleet-order.js';
import type { TerminalKey } from './keys.js';
import { type Line, line, textLines, paint, widthOf } from './lines.js';
import { FreshLines } from './fresh-lines.js';
import { fleetLines } from './render.js';
import { openScreen, type Screen, type Terminal } from './screen.js';
import { layOut, type ScreenLayout } from './screen-layout.js';

/** How long what happened stays on the screen. */
const SHOWN_FOR_MS = MINUTE;

/** Lines of what happened: more could not be read within the time. */
const MAX_LINES = 50;

/** How a fleet is shown on a terminal. */
export interface FleetScreenOptions {
  readonly isColoured: boolean;
  readonly sort?: SortKey | undefined;
  /** Lines that stay below the tables, such as where the fleet can be reached. */
  readonly notes?: readonly string[];
  /** Whether `q` ends it too, and what Ctrl-C does, in one word. */
  readonly isQuitByQ: boolean;
  readonly endWord: string;
  /** A person wants to end it. */
  onEnd(): void;
}

/** What the tables show. */
type Content = { readonly kind: 'fleet'; readonly view: FleetView } | { readonly kind: 'text'; readonly text: string };

/** A fleet on a terminal. */
export interface FleetScreen {
  /** Shows these figures. */
  show(view: FleetView): void;
  /** Shows this text in their place. */
  showText(text: string): void;
  /** Says why there are no new figures; the last ones stay, and are said to be old. */
  showTrouble(reason: string): void;
  /** Shows a line for a minute. */
  onLine(line: string): void;
  /** Shows an event for a minute. */
  onEvent(event: FleetEvent): void;
  close(): void;
}

/** Takes the terminal until it is closed. */
export function openFleetScreen(terminal: Terminal, options: FleetScreenOptions): FleetScreen {
  let sort: SortKey = options.sort ?? 'name';
  let top = 0;
  let content: Content = { kind: 'text', text: 'no figures yet' };
  let contentAtMs = performance.now();
  let trouble = '';
  let layout: ScreenLayout | undefined;
  const happened = new FreshLines(SHOWN_FOR_MS, MAX_LINES);
  const screen: Screen = openScreen(terminal, { onKey, onStale: draw });

  function draw(): void {
    const { size } = screen;
    const parts =
      content.kind === 'fleet'
        ? fleetLines(content.view, { sort, columns: size.columns })
        : { head: [], tables: [textLines(content.text)], problems: [] };
    const page = {
      ...parts,
      notes: [
        { lines: trouble === '' ? [] : [troubleLine()], keep: 'first' },
        { lines: parts.problems, keep: 'first' },
        { lines: (options.notes ?? []).map((each) => line(each)), keep: 'first' },
        { lines: happened.list(Date.now()), keep: 'last' },
      ],
    } as const;
    // What the keys line says depends on whether the tables scroll, and takes one line in either case.
    const isScrollable = layOut({ ...page, keys: [] }, size, top).isScrollable;
    layout = layOut({ ...page, keys: keysLine(isScrollable) }, size, top);
    top = layout.top;
    screen.draw(layout.lines.map((each) => ({ text: paint(each, options.isColoured), width: widthOf(each) })));
  }

  function troubleLine(): Line {
    const seconds = Math.round((performance.now() - contentAtMs) / 1000);
    return line(content.kind === 'fleet' ? `${trouble}: these figures are ${seconds} s old` : trouble, 'bad');
  }

  function keysLine(isScrollable: boolean): Line {
    if (!screen.hasKeys) return [{ text: 'Ctrl-C', tone: 'strong' }, { text: ` ${options.endWord}` }];
    const keys = [
      [options.isQuitByQ ? 'q' : 'Ctrl-C', options.endWord],
      ...(content.kind === 'fleet' ? [['s', `sort by ${nextSortKey(sort)} (now by ${sort})`]] : []),
      ...(isScrollable ? [['arrows, space, b, g, G', 'scroll']] : []),
    ];
    return keys.flatMap(([key = '', what], index) => [
      { text: `${index === 0 ? '' : '   '}${key}`, tone: 'strong' as const },
      { text: ` ${what}`, tone: 'dim' as const },
    ]);
  }

  function onKey(key: TerminalKey): void {
    if (key === 'interrupt' || (key === 'quit' && options.isQuitByQ)) {
      options.onEnd();
      return;
    }
    const page = layout?.pageRows ?? 1;
    if (key === 'sort') {
      sort = nextSortKey(sort);
      top = 0;
    } else if (key === 'up') top = Math.max(0, top - 1);
    else if (key === 'down') top += 1;
    else if (key === 'page-up') top = Math.max(0, top - page);
    else if (key === 'page-down') top += page;
    else if (key === 'top') top = 0;
    else if (key === 'bottom') top = Number.MAX_SAFE_INTEGER;
    draw();
  }

  function present(next: Content): void {
    content = next;
    contentAtMs = performance.now();
    trouble = '';
    draw();
  }

  draw();
  return {
    show: (view) => present({ kind: 'fleet', view }),
    showText: (text) => present({ kind: 'text', text }),
    showTrouble(reason) {
      trouble = reason;
      draw();
    },
    onLine(text) {
      happened.addText(text, Date.now());
      draw();
    },
    onEvent(event) {
      if (happened.addEvent(event, Date.now())) draw();
    },
    close: () => screen.close(),
  };
}
