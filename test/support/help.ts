// The commands and flags of `meercat`, as its help prints them.

import { refusedHere } from './meercat.js';

/** One flag in the help of a command. */
export interface HelpFlag {
  /** As it is written, with its value: `--port <port>`. */
  readonly flags: string;
  /** The default as help says it; empty when it says none, or `false`. */
  readonly shown: string;
}

async function helpOf(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await refusedHere([...args, '--help']);
  if (code !== 0) throw new Error(`meercat ${args.join(' ')} --help: exit code ${code}: ${stderr}`);
  return stdout;
}

/** The entries of a section of help, such as `Options:`, each with its text in one line. */
function entriesOf(help: string, heading: RegExp): [term: string, text: string][] {
  const entries: [string, string][] = [];
  let isInside = false;
  for (const line of help.split('\n')) {
    if (/^\S/.test(line)) isInside = heading.test(line);
    else if (isInside && line !== '') {
      const [, term, text = ''] = /^ {2}(\S.*?)(?: {2,}(.*))?$/.exec(line) ?? [];
      const last = entries.at(-1);
      if (term !== undefined) entries.push([term, text]);
      else if (last !== undefined) last[1] = `${last[1]} ${line.trim()}`;
    }
  }
  return entries;
}

/** The names of all commands. */
export async function commandsInHelp(): Promise<string[]> {
  return entriesOf(await helpOf([]), /^Commands:/)
    .map(([term]) => term.split(/[ |]/)[0] as string)
    .filter((name) => name !== 'help');
}

/** The flags of a command, in the order of its help; `--help` is left out. */
export async function flagsInHelp(command: string): Promise<HelpFlag[]> {
  return entriesOf(await helpOf([command]), /^(?:Options|[A-Z][a-z]+):$/)
    .filter(([term]) => term.startsWith('-') && !term.endsWith('--help'))
    .map(([flags, text]) => {
      const [, shown = ''] = /\(default: "?([^")]*)"?\)/.exec(text) ?? [];
      return { flags, shown: shown === 'false' ? '' : shown };
    });
}

/** What is wrong with a call of `meercat`: an unknown command or flag, a value that is refused. Empty when nothing is. */
export async function wrongCall(args: readonly string[]): Promise<string> {
  const [command = '', ...rest] = args;
  if (command.startsWith('-')) return '';
  if (!(await commandsInHelp()).includes(command)) return `there is no command ${command}`;
  const known = new Set((await flagsInHelp(command)).flatMap(({ flags }) => flags.split(/[ ,]+/)));
  const unknown = rest.find((word) => word.startsWith('-') && word !== '--help' && !known.has(word.split('=')[0] as string));
  if (unknown !== undefined) return `meercat ${command} has no ${unknown}`;
  // Values are read before help is printed, also those that follow; behind redis-cli's command all is redis-cli's.
  const { code, stderr } = await refusedHere([command, '--help', ...rest]);
  return code === 0 ? '' : stderr;
}
