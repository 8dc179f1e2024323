// One flag of `meercat balancer`: what is said of it, and the builders for those that read a time, a size, a number
// or a word. The table of all of them is in balancer-flags.ts.

import { MINUTE } from '../lib/clock.js';
import {
  type BalancerConfig,
  DEFAULTS,
  formatDuration,
  formatSize,
  parseChoice,
  parseDuration,
  parseInteger,
  parseSize,
} from '../lib/config/config.js';
import type { completeAddress } from '../lib/redis/address.js';
import { Flag } from './flag.js';

/** One flag. */
export interface BalancerFlag {
  /** The field that it sets. */
  readonly field: keyof BalancerConfig;
  /** As it is written, with its value: `--port <port>`. */
  readonly flags: string;
  readonly help: string;
  /** The default as a person writes it; empty when there is none. */
  readonly shown: string;
  /** Reads the value; without it the text is the value. */
  readonly parse?: (text: string) => unknown;
  /** May be given several times; in the environment, values are separated by white space. */
  readonly isRepeatable?: true;
  /** Adds what variables of their own say: passwords and certificates of a Redis. */
  readonly complete?: typeof completeAddress;
}

/** A heading of `--help`, and the flags below it. */
export type FlagGroup = readonly [heading: string, flags: readonly BalancerFlag[]];

type Field = keyof BalancerConfig;

/** `--port <port>` → `--port`. */
export const nameOf = (flags: string): string => flags.split(' ', 1)[0] as string;

/** A flag whose value is a time; the default is the field's. */
export function duration(field: Field, flags: string, help: string, minMs = 0, maxMs = 60 * MINUTE): BalancerFlag {
  return {
    field,
    flags: `${flags} <time>`,
    help,
    shown: formatDuration((DEFAULTS as unknown as Record<string, number>)[field] as number),
    parse: (text) => parseDuration(flags, text, minMs, maxMs),
  };
}

/** A flag whose value is a number of bytes; the default is the field's. */
export function size(field: Field, flags: string, help: string, min: number, max: number, unit = 'size'): BalancerFlag {
  return {
    field,
    flags: `${flags} <${unit}>`,
    help,
    shown: formatSize((DEFAULTS as unknown as Record<string, number>)[field] as number),
    parse: (text) => parseSize(flags, text, min, max),
  };
}

/** A flag whose value is a whole number; the default is the field's. */
export function count(field: Field, flags: string, help: string, min: number, max: number): BalancerFlag {
  return {
    field,
    flags: `${flags} <n>`,
    help,
    shown: String((DEFAULTS as unknown as Record<string, number>)[field]),
    parse: (text) => parseInteger(flags, text, min, max),
  };
}

/** A flag whose value is one of a few words; the default is the field's. */
export function word(field: Field, flags: string, help: string, choices: readonly string[], value = 'word'): BalancerFlag {
  return {
    field,
    flags: `${flags} <${value}>`,
    help: `${help}: ${choices.join(', ')}`,
    shown: (DEFAULTS as unknown as Record<string, string>)[field] as string,
    parse: (text) => parseChoice(flags, text, choices),
  };
}

/** A flag as commander takes it; its value has a default only in the configuration. */
export function optionOf({ flags, help, shown, parse, isRepeatable, complete }: BalancerFlag, heading?: string): Flag {
  const flag = new Flag(flags, shown === '' || /\(default/.test(help) ? help : `${help} (default: ${shown})`, {
    parse,
    isRepeatable,
    complete,
  });
  if (heading !== undefined) flag.helpGroup(`${heading}:`);
  return flag;
}
