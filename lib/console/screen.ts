// Text that is drawn again and again in place: on a terminal's second screen, which leaves the first as it was.

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE_END = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

const USUAL_ROWS = 24;
const USUAL_COLUMNS = 100;

/** A terminal's second screen. */
export interface Screen {
  /** Draws the text from the top; what does not fit is cut. */
  draw(text: string): void;
  /** Gives the first screen back. May be called twice. */
  close(): void;
}

/** Takes the terminal's second screen. */
export function openScreen(out: NodeJS.WriteStream): Screen {
  let isOpen = true;
  const close = (): void => {
    if (isOpen) out.write(LEAVE);
    isOpen = false;
  };
  out.write(ENTER);
  // However the process ends, the terminal must be usable.
  process.once('exit', close);
  return {
    draw(text) {
      if (!isOpen) return;
      // A terminal that does not know its size says 0.
      const lines = text.split('\n').slice(0, Math.max(1, (out.rows || USUAL_ROWS) - 1));
      const cut = lines.map((line) => line.slice(0, out.columns || USUAL_COLUMNS) + CLEAR_LINE_END);
      out.write(HOME + cut.join('\n') + CLEAR_BELOW);
    },
    close,
  };
}
