// What a process tells its service manager, in two ways: a systemd-notify of our own, which writes down how it was
// called, for any machine; and a real systemd-notify with a real datagram socket, where systemd is installed.

import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { withProcess, withTempDir } from './brackets.js';
import { findTool } from './tools.js';
import { until } from './until.js';

/** A service manager that listens. */
export interface NotifyReceiver {
  /** The socket that it listens on. */
  readonly socket: string;
  /** What the process is to have in its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** What was said so far: the assignments of each message. */
  messages(): Promise<readonly (readonly string[])[]>;
  /** Waits for a message that contains this assignment. */
  heard(assignment: string): Promise<void>;
}

type Use<T> = (receiver: NotifyReceiver) => T | Promise<T>;

/** What a systemd-notify of our own does besides writing down its arguments, as lines of sh; DIR is its directory. */
export type FakeBehaviour = string;

/** With a systemd-notify of our own, first on the PATH. */
export function withFakeNotify<T>(fn: Use<T>, behaviour: FakeBehaviour = ''): Promise<T> {
  return withTempDir(async (dir) => {
    const record = join(dir, 'messages');
    await writeFile(record, '');
    const script = `#!/bin/sh\nDIR='${dir}'\nfor each; do line="$line$each\t"; done\nprintf '%s\\n' "$NOTIFY_SOCKET\t$line" >> '${record}'\n${behaviour}\n`;
    await writeFile(join(dir, 'systemd-notify'), script);
    await chmod(join(dir, 'systemd-notify'), 0o755);
    const socket = join(dir, 'socket');
    const messages = async (): Promise<string[][]> =>
      (await readFile(record, 'utf8'))
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split('\t').slice(1, -1));
    return fn(receiver(socket, messages, { PATH: `${dir}:${process.env['PATH']}` }));
  });
}

/** Reads datagrams from descriptor 3, which systemd-socket-activate opened: one each read, as read(2) does. */
const READ_DATAGRAMS = `
const fs = require('node:fs');
const bytes = Buffer.alloc(8192);
const read = () => { try { return fs.readSync(3, bytes); } catch (error) { if (error.code !== 'EAGAIN') throw error; return -1; } };
setInterval(() => {
  for (let size = read(); size >= 0; size = read()) console.log(JSON.stringify(bytes.toString('utf8', 0, size).split('\\n')));
}, 10);`;

/** With the real program and a real socket; null, said or thrown as {@link findTool} does, where systemd is missing. */
export async function withRealNotify<T>(fn: Use<T>): Promise<T | null> {
  const activate = findTool('systemd-socket-activate', 'systemd');
  if (activate === null || findTool('systemd-notify', 'systemd') === null) return null;
  return withTempDir((dir) => {
    const socket = join(dir, 'notify');
    const args = ['--datagram', `--listen=${socket}`, process.execPath, '-e', READ_DATAGRAMS];
    return withProcess({ command: activate, args }, async (child) => {
      await child.waitForLine(/^Listening on/);
      const messages = async (): Promise<string[][]> =>
        child.stdout.filter((line) => line.startsWith('[')).map((line) => JSON.parse(line) as string[]);
      return fn(receiver(socket, messages, {}));
    });
  });
}

function receiver(
  socket: string,
  messages: () => Promise<readonly (readonly string[])[]>,
  env: Readonly<Record<string, string>>,
): NotifyReceiver {
  return {
    socket,
    env: { ...env, NOTIFY_SOCKET: socket },
    messages,
    async heard(assignment) {
      const seen = async (): Promise<boolean> => (await messages()).some((message) => message.includes(assignment));
      await until(seen, { timeoutMs: 30_000, what: `the service manager to hear ${assignment}` });
    },
  };
}
