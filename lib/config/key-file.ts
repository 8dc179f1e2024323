// A file with keys: read at start, and again when it changes or when told to. Invariant: what can't be used never takes
// the place of what is in use.

import { unwatchFile, watchFile } from 'node:fs';
import { MeercatError, messageOf } from '../errors.js';
import { fileReason } from '../file-reason.js';
import type { Log } from '../log.js';
import { readRegularFile } from '../read-file.js';
import { type KeyKind, KeyRing } from '../redis/fleet-key.js';
import { modeOpenToOthers } from './readable-by-others.js';

/** Two keys and some comments. */
const MAX_KEY_FILE_BYTES = 16 << 10;

/** How often the file is looked at; a Secret of Kubernetes changes without a signal. */
const LOOK_EVERY_MS = 2000;

/** Which keys a file may hold, and the flag that names it. */
export interface KeyFileOptions {
  readonly flag: string;
  /** Empty for none. */
  readonly file: string;
  readonly kinds: readonly KeyKind[];
}

/** A file that was read, and can be watched. */
export interface KeyFile {
  /** The text in use; empty without a file. */
  readonly text: string;
  /** Calls back with each new text from now on; looks at the file again and again. */
  watch(onChange: (text: string) => void): void;
  /** Reads the file again. Throws MEERCAT_BAD_CONFIG and keeps the old keys when they can't be used. */
  reload(): void;
  close(): void;
}

/** The text of a key file; empty without one. Throws MEERCAT_BAD_CONFIG when it can't be read or holds no key of these kinds. */
export function readKeyFile({ flag, file, kinds }: KeyFileOptions): string {
  if (file === '') return '';
  const source = `${flag} ${file}`;
  let text: string;
  try {
    text = readRegularFile(file, MAX_KEY_FILE_BYTES).toString('utf8');
  } catch (thrown) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `${source}: ${fileReason(thrown)}`, { cause: thrown });
  }
  // For its errors; also an empty file holds no key.
  return new KeyRing(source, text === '' ? ' ' : text, kinds).isKeyed ? text : '';
}

/** The keys of a file, for a command that runs once; no key without a file. Throws MEERCAT_BAD_CONFIG. */
export function readKeyRing(options: KeyFileOptions): KeyRing {
  return new KeyRing(`${options.flag} ${options.file}`, readKeyFile(options), options.kinds);
}

/** Reads the file. Throws MEERCAT_BAD_CONFIG. */
export function openKeyFile(options: KeyFileOptions, log: Log): KeyFile {
  const { flag, file, kinds } = options;
  let text = readKeyFile(options);
  let onChange: (text: string) => void = () => undefined;
  let isModeSaid = false;
  const nothing = (): void => undefined;
  if (file === '') return { text, watch: nothing, reload: nothing, close: nothing };
  describe('info', 'the fleet key was read');

  function describe(level: 'info' | 'warn', message: string): void {
    const ring = new KeyRing(flag, text, kinds);
    log(level, message, { file, keys: ring.ids.join(',') });
    if (ring.acceptsUnsigned)
      log('warn', 'unsigned messages are still accepted: take accept-unsigned out of the file when all sign', { file });
    warnOfMode();
  }

  /** Once: it does not keep anybody from using the file. */
  function warnOfMode(): void {
    const mode = isModeSaid ? '' : modeOpenToOthers(file);
    if (mode === '') return;
    isModeSaid = true;
    log('warn', 'every user of this machine can read the file with the key: chmod o-r', { file, mode });
  }

  let failure = '';
  const reload = (): void => {
    const read = readKeyFile(options);
    failure = '';
    if (read === text) return;
    text = read;
    describe('info', 'the fleet key was read again');
    onChange(text);
  };
  const look = (): void => {
    try {
      reload();
    } catch (error) {
      const reason = messageOf(error);
      // Also said again when it is wrong in another way.
      if (reason !== failure) log('error', 'the fleet key could not be read again: the old one stays', { reason });
      failure = reason;
    }
  };
  return {
    get text() {
      return text;
    },
    watch(then) {
      onChange = then;
      watchFile(file, { interval: LOOK_EVERY_MS, persistent: false }, look);
    },
    reload,
    close: () => unwatchFile(file, look),
  };
}
