// A flag of a command, and its environment variable. All commands read the environment here, and by the same
// rules: a flag on the command line wins, an empty variable is unset, a bad value is refused under the variable's name.

import { type Command, Option } from 'commander';
import { CONSOLE_TOKEN_VARIABLE, parseSwitch } from '../lib/config/config.js';
import { OTLP_HEADERS_VARIABLE } from '../lib/config/otlp.js';
import { MeercatError } from '../lib/errors.js';
import { ADDRESS_VARIABLES } from '../lib/redis/address.js';
import { nearestWord } from '../lib/nearest.js';

const PREFIX = 'MEERCAT_';

/**
 * Names with our prefix that are not settings: those of the tests, and those that Kubernetes gives every container
 * for a Service called `meercat` or `meercat-…` (https://kubernetes.io/docs/tutorials/services/connect-applications-service/).
 */
const NOT_SETTINGS = /^MEERCAT_TEST_|_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;

/** The files of a Redis address that variables of their own can name. */
const REDIS_FILES = ['ca', 'cert', 'key'] as const;

/** The environment that a command line runs in, by variable. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** How a flag's value is read. */
export interface FlagReading {
  /** Reads one value; without it the text is the value. Throws MEERCAT_BAD_CONFIG under the name of the flag. */
  readonly parse?: ((text: string) => unknown) | undefined;
  /** May be given several times; the variable holds several values, separated by white space. */
  readonly isRepeatable?: boolean | undefined;
  /** Must be given, as a flag or as a variable. */
  readonly isNeeded?: boolean | undefined;
  /** Adds to one value what variables of their own say, wherever the value came from. */
  readonly complete?: ((value: string, variables: Variables) => string) | undefined;
}

/** A flag that can also be set by a variable: `--lease-ttl <time>` by `MEERCAT_LEASE_TTL`. */
export class Flag extends Option {
  readonly variable: string;
  readonly isRepeatable: boolean;
  readonly isNeeded: boolean;
  readonly #complete: FlagReading['complete'];
  readonly #parse: (text: string) => unknown;

  constructor(flags: string, help: string, { parse = (text) => text, isRepeatable = false, isNeeded = false, complete }: FlagReading = {}) {
    super(flags, help);
    this.variable = `${PREFIX}${this.name().toUpperCase().replaceAll('-', '_')}`;
    this.isRepeatable = isRepeatable;
    this.isNeeded = isNeeded;
    this.#parse = parse;
    this.#complete = complete;
    if (this.isBoolean()) return;
    this.argParser<unknown>((text, before) => {
      // Most likely a variable of a script that is not set: it must not turn TLS off.
      if (text.trim() === '') throw new MeercatError('MEERCAT_BAD_CONFIG', `--${this.name()}: a value is needed, not an empty one`);
      return isRepeatable ? [...((before as unknown[] | undefined) ?? []), parse(text)] : parse(text);
    });
  }

  /** The flag's value, or list of values, with what further variables add to it. */
  completed(value: unknown, variables: Variables): unknown {
    const complete = this.#complete;
    if (complete === undefined || value === undefined) return value;
    return Array.isArray(value) ? value.map((each) => complete(String(each), variables)) : complete(String(value), variables);
  }

  /** Reads the text of the variable, which is not empty. */
  readVariable(text: string): unknown {
    if (this.isBoolean()) return parseSwitch(`--${this.name()}`, text);
    return this.isRepeatable ? text.split(/\s+/).map((part) => this.#parse(part)) : this.#parse(text);
  }
}

/** A variable that no command knows. */
export interface UnknownVariable {
  readonly variable: string;
  /** The name that was most likely meant; undefined when none is similar. */
  readonly nearest: string | undefined;
}

/** The flags and variables of one run of the command line. */
export class FlagReader {
  readonly #variables: Variables;
  /** Flags whose values came from variables: what errors must name. */
  readonly #variableOf = new Map<string, string>();

  constructor(variables: Variables) {
    this.#variables = variables;
  }

  /** Sets what the command line left open from the environment. Throws MEERCAT_BAD_CONFIG for a value that can't be read. */
  readInto(command: Command): void {
    for (const flag of flagsOf(command)) {
      const key = flag.attributeName();
      if (command.getOptionValueSource(key) !== 'cli') {
        const value = this.#read(flag);
        if (value !== undefined) command.setOptionValueWithSource(key, value, 'env');
      }
      const given: unknown = command.getOptionValue(key);
      const completed = flag.completed(given, this.#variables);
      if (completed !== given) command.setOptionValueWithSource(key, completed, command.getOptionValueSource(key));
      if (flag.isNeeded && given === undefined) command.error(`error: required option '${flag.flags}' not specified`);
    }
  }

  /** Checks the variables of a command that this one is going to start, without those that it has flags for itself. */
  checkFor(started: Command, starter: Command): void {
    const own = new Set(flagsOf(starter).map(({ variable }) => variable));
    for (const flag of flagsOf(started)) if (!own.has(flag.variable)) this.#read(flag);
  }

  /** The text of a variable that has no flag, a secret; empty when it is unset. */
  readSecret(variable: string): string {
    return this.#variables[variable]?.trim() ?? '';
  }

  /** Puts variables in place of the flags in an error's message, where values came from variables. */
  nameVariables(message: string): string {
    for (const parameter of REDIS_FILES) {
      const variable = `${PREFIX}REDIS_${parameter.toUpperCase()}`;
      const said = `--redis: ${parameter}=${this.#variables[variable]}: `;
      if (message.startsWith(said)) return message.replace(`--redis: ${parameter}`, variable);
    }
    return message.replaceAll(/--[a-z][a-z0-9-]*/g, (flag) => this.#variableOf.get(flag) ?? flag);
  }

  /** The variables with our prefix that none of these commands has. */
  unknown(commands: readonly Command[]): UnknownVariable[] {
    const known = [
      ...new Set(commands.flatMap(flagsOf).map(({ variable }) => variable)),
      ...ADDRESS_VARIABLES,
      CONSOLE_TOKEN_VARIABLE,
      OTLP_HEADERS_VARIABLE,
    ];
    return Object.keys(this.#variables)
      .filter((variable) => variable.startsWith(PREFIX) && !known.includes(variable) && !NOT_SETTINGS.test(variable))
      .map((variable) => ({ variable, nearest: withPrefix(nearestWord(withoutPrefix(variable), known.map(withoutPrefix))) }));
  }

  #read(flag: Flag): unknown {
    const text = this.#variables[flag.variable]?.trim() ?? '';
    if (text === '') return undefined;
    this.#variableOf.set(`--${flag.name()}`, flag.variable);
    return flag.readVariable(text);
  }
}

/** Refuses a flag with one value that is given twice: it would be unclear which value counts. */
export function refuseRepeated(command: Command): void {
  for (const option of command.options) {
    if (option.isBoolean() || (option instanceof Flag && option.isRepeatable)) continue;
    let isGiven = false;
    command.on(`option:${option.name()}`, () => {
      if (isGiven) throw new MeercatError('MEERCAT_BAD_CONFIG', `--${option.name()} is given twice: it takes one value`);
      isGiven = true;
    });
  }
}

const withoutPrefix = (variable: string): string => variable.slice(PREFIX.length);
const withPrefix = (name: string | undefined): string | undefined => (name === undefined ? undefined : PREFIX + name);

function flagsOf(command: Command): Flag[] {
  return command.options.filter((option) => option instanceof Flag);
}
