// Notifies the service manager (systemd, Type=notify) that this process is ready or stopping. It runs systemd-notify,
// since Node.js has no Unix datagram sockets. At most one systemd-notify runs, for a bounded time, and it ends with
// this process; if it hangs or fails, the start and the stop of this process are unaffected. Protocol: sd_notify(3).

import { type ChildProcess, spawn } from 'node:child_process';
import { SECOND } from './clock.js';
import { messageOf } from './errors.js';
import type { Log } from './log.js';

/** Notifications to the service manager; no-ops without one. */
export interface ServiceManager {
  /** The process is in service. `status` is one line for `systemctl status`. */
  ready(status: string): void;
  /** The process has begun to stop and is no longer ready. */
  stopping(status: string): void;
}

/** How the program is run; tests set it. */
export interface NotifyOptions {
  readonly command?: string;
  readonly timeoutMs?: number;
}

/** systemd-notify waits 5 s for the manager to take a message. */
const TIMEOUT_MS = 10 * SECOND;

/** A socket's path, or `@` and its name in the abstract namespace: at most 107 bytes, by unix(7). */
const SOCKET = /^[/@][\x21-\x7e]{1,106}$/;

const MAX_TEXT = 500;

/**
 * Connects to the service manager at NOTIFY_SOCKET, and removes the variable from `env`: child processes must not
 * notify in its place. An invalid address is logged and ignored.
 */
export function openServiceManager(
  log: Log,
  env: NodeJS.ProcessEnv = process.env,
  { command = 'systemd-notify', timeoutMs = TIMEOUT_MS }: NotifyOptions = {},
): ServiceManager {
  const socket = env['NOTIFY_SOCKET'] ?? '';
  delete env['NOTIFY_SOCKET'];
  if (socket !== '' && !SOCKET.test(socket))
    log('warn', 'NOTIFY_SOCKET is no path of a socket and is ignored', { value: JSON.stringify(socket.slice(0, MAX_TEXT)) });
  if (!SOCKET.test(socket)) return { ready: () => undefined, stopping: () => undefined };

  /** Pending assignments, by name: a later value replaces one not yet sent. */
  const waiting = new Map<string, string>();
  let running: ChildProcess | undefined;
  let isStopping = false;

  function say(assignments: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(assignments)) waiting.set(name, value);
    send();
  }

  function send(): void {
    if (running !== undefined || waiting.size === 0) return;
    const args = [...waiting].map(([name, value]) => `${name}=${value}`);
    waiting.clear();
    let child: ChildProcess;
    try {
      child = spawn(command, args, { env: { PATH: env['PATH'], NOTIFY_SOCKET: socket }, stdio: ['ignore', 'ignore', 'pipe'] });
    } catch (error) {
      failed(messageOf(error));
      return;
    }
    running = child;
    follow(child, args);
  }

  function follow(child: ChildProcess, args: readonly string[]): void {
    let said = '';
    const kill = (): void => void child.kill('SIGKILL');
    const timer = setTimeout(() => {
      kill();
      over(`it has not ended within ${timeoutMs} ms`);
    }, timeoutMs).unref();
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(0, MAX_TEXT)));
    child.stderr?.on('error', () => undefined);
    child.unref();
    if (child.stderr !== null && 'unref' in child.stderr) (child.stderr as { unref(): void }).unref();
    process.once('exit', kill);
    const over = (reason: string | undefined): void => {
      if (running !== child) return;
      clearTimeout(timer);
      process.off('exit', kill);
      child.stderr?.destroy();
      running = undefined;
      if (reason === undefined) log('debug', 'notified the service manager', { what: args.join(' ') });
      else failed(reason);
      send();
    };
    child.on('error', (error) => over(messageOf(error)));
    child.on('close', (code, signal) => over(code === 0 ? undefined : oneLine(said) || (signal ?? `code ${code}`)));
  }

  function failed(reason: string): void {
    log('warn', `${command} failed: the service manager may take this process for one that does not start`, {
      reason,
      hint: 'install systemd-notify (Debian: in systemd), or set Type=exec in the unit',
    });
  }

  return {
    ready(status) {
      if (!isStopping) say({ READY: '1', STATUS: oneLine(status) });
    },
    stopping(status) {
      isStopping = true;
      waiting.clear();
      say({ STOPPING: '1', STATUS: oneLine(status) });
    },
  };
}

/** Makes text safe: it can neither start another assignment nor be rejected as an argument. */
function oneLine(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, MAX_TEXT);
}
