// A terminal's second screen, drawn again and again in place, and its keys. However the process ends, is stopped or goes
// on, the terminal is given back as it was: its first screen, its cursor, its mode.

import { type TerminalKey, readKeys } from './keys.js';

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE_END = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

const USUAL_ROWS = 24;
const USUAL_COLUMNS = 100;

/** The terminal: what is written to it and what is typed there. */
export interface Terminal {
  readonly output: NodeJS.WriteStream;
  /** Undefined to read no keys. */
  readonly input?: NodeJS.ReadStream | undefined;
}

/** What happens at the terminal. */
export interface ScreenEvents {
  onKey(key: TerminalKey): void;
  /** The screen has another size, or shows something else: draw it again. */
  onStale(): void;
}

/** An open screen. */
export interface Screen {
  readonly size: { readonly rows: number; readonly columns: number };
  /** Whether keys are read. */
  readonly hasKeys: boolean;
  /** Draws painted lines from the top, none of them wider than the screen. */
  draw(lines: readonly { readonly text: string; readonly width: number }[]): void;
  /** Gives the terminal back. May be called twice. */
  close(): void;
}

/** Whether a screen can be drawn there: a terminal that moves its cursor. */
export function canDraw(out: { readonly isTTY?: boolean }, { TERM }: NodeJS.ProcessEnv): boolean {
  return out.isTTY === true && TERM !== 'dumb';
}

/** Takes the terminal's second screen, and its keys where there are any. */
export function openScreen({ output, input }: Terminal, events: ScreenEvents): Screen {
  const keys = input?.isTTY === true ? input : undefined;
  let isOpen = true;
  const take = (): void => {
    keys?.setRawMode(true);
    output.write(ENTER);
  };
  const giveBack = (): void => {
    output.write(LEAVE);
    keys?.setRawMode(false);
  };
  const onResize = (): void => events.onStale();
  const onTyped = (typed: Buffer): void => {
    for (const key of readKeys(typed.toString('latin1'))) {
      if (!isOpen) return;
      if (key === 'suspend') suspend(0);
      else if (key === 'kill') {
        close();
        process.kill(process.pid, 'SIGQUIT');
      } else events.onKey(key);
    }
  };
  /** Stops this process, or with 0 its whole job as the terminal does; returns when it goes on. */
  const suspend = (pid: number): void => {
    giveBack();
    // Without a handler the kernel stops the process, unless nobody could let it go on.
    process.off('SIGTSTP', onStopped);
    process.kill(pid, 'SIGTSTP');
    process.on('SIGTSTP', onStopped);
    take();
    events.onStale();
  };
  const onStopped = (): void => suspend(process.pid);
  // The shell has had the terminal meanwhile, and may have changed its mode: only a change of the mode is passed on.
  const onContinued = (): void => {
    keys?.setRawMode(false);
    keys?.setRawMode(true);
    events.onStale();
  };
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    giveBack();
    process.off('exit', close).off('SIGTSTP', onStopped).off('SIGCONT', onContinued);
    output.off('resize', onResize);
    keys?.off('data', onTyped).pause();
  };
  // A terminal that is gone has nothing more to say.
  keys?.on('error', () => undefined).on('data', onTyped);
  output.on('resize', onResize);
  process.on('exit', close).on('SIGTSTP', onStopped).on('SIGCONT', onContinued);
  take();
  return {
    hasKeys: keys !== undefined,
    // A terminal that does not know its size says 0.
    get size() {
      return { rows: output.rows || USUAL_ROWS, columns: output.columns || USUAL_COLUMNS };
    },
    draw(lines) {
      if (!isOpen) return;
      const { rows, columns } = this.size;
      // After the last column the cursor stays on it: clearing would take that character away.
      const drawn = lines.map(({ text, width }) => (width < columns ? text + CLEAR_LINE_END : text));
      output.write(HOME + drawn.join('\n') + (lines.length < rows ? `\n${CLEAR_BELOW}` : ''));
    },
    close,
  };
}
