// The commands and their flags, and what a run of them ends with. Exit codes: 0 done, 1 could not be done, 2 wrong usage.

import { Command, CommanderError, Help, Option } from 'commander';
import { CONSOLE_TOKEN_VARIABLE } from '../lib/config/config.js';
import { OTLP_HEADERS_VARIABLE } from '../lib/config/otlp.js';
import { MeercatError, messageOf } from '../lib/errors.js';
import { readVersion } from '../lib/version.js';
import { addBalancer } from './balancer-command.js';
import { addBench } from './bench-command.js';
import { addCheck } from './check-command.js';
import { runDemoHost, runEmbedded } from './commands.js';
import { Flag, FlagReader, refuseRepeated, type UnknownVariable, type Variables } from './flag.js';
import { addFleetCommands } from './fleet-commands.js';
import { addAgent, addUp } from './local-commands.js';
import { nearestWord } from '../lib/nearest.js';
import { addRedisCli, RUNNING_FLEET, takeRunningFleet } from './redis-cli-command.js';
import { helpEnd, namespaceFlag, redisFlag } from './shared-flags.js';
import { addSimulate } from './simulate-command.js';

const USAGE_ERROR = 2;

/** Where a command says what is wrong, and help what it has to say. */
export interface Output {
  write(text: string): void;
  writeError(text: string): void;
}

/** Runs the command line; gives the exit code when it is over, and null when a command was begun. */
export async function runCommandLine(args: readonly string[], out: Output, variables: Variables = process.env): Promise<number | null> {
  const reader = new FlagReader(variables);
  const run: Run = { isJson: false };
  try {
    await buildProgram(out, reader, run).parseAsync(args, { from: 'user' });
    return null;
  } catch (error) {
    // Commander has said it. Its own code for wrong usage is 1, which here means that something could not be done.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE_ERROR;
    const isOurs = error instanceof MeercatError;
    const message = isOurs ? reader.nameVariables(messageOf(error)) : messageOf(error);
    out.writeError(`meercat: ${message}\n`);
    if (isOurs && error.code === 'MEERCAT_BAD_CONFIG') return USAGE_ERROR;
    // Whoever reads the output as JSON gets JSON in any case.
    if (run.isJson) out.write(`${JSON.stringify({ error: isOurs ? error.code : 'MEERCAT_INTERNAL', message })}\n`);
    return 1;
  }
}

/** What is known of the command that runs. */
interface Run {
  /** It prints JSON alone. */
  isJson: boolean;
}

function buildProgram(out: Output, reader: FlagReader, run: Run): Command {
  let unknown: readonly UnknownVariable[] = [];
  const program = new Command('meercat')
    .description('A fleet of HTTP load balancers that coordinate through Redis and route on how busy the hosts really are.')
    .version(readVersion(), '-v, --version', 'print the version')
    .helpCommand(false)
    .helpOption('-h, --help', 'print this help')
    .showHelpAfterError('(meercat --help lists the commands, meercat COMMAND --help its flags)')
    .configureHelp({ optionDescription })
    .configureOutput({
      writeOut: out.write,
      writeErr: out.writeError,
      outputError: (text, write) => write((valueOfSwitch(program, text) ?? text).replace(/^error: /, 'meercat: ')),
    })
    .exitOverride()
    .addHelpText(
      'after',
      `
Examples:
  meercat up                                        a whole fleet on this machine, to look at
  meercat balancer --redis redis://10.0.0.1:6379    one balancer; start as many as you like
  meercat agent --redis redis://10.0.0.1:6379 --url http://10.0.0.7:3000
                                                    beside each host: reports its CPU and memory
  meercat status --watch                            the fleet, live
  meercat why GET /work                             which host such a request would go to, and why
  meercat check site.yaml                           whether the pools and routes in a file are good
  meercat restart                                   the balancers of \`meercat up\`, one after the other
  meercat simulate --balancers 8 --load 0.7         policies side by side, in virtual time

Most flags can also be set in the environment, as the help of each command says: --lease-ttl is MEERCAT_LEASE_TTL.
Repeatable ones take several values separated by spaces, those without a value 1, true, yes, on or 0, false, no,
off. An empty variable is unset. A flag on the command line wins.
${helpEnd('0 done; 1 could not be done; 130, 143 simulate was ended by Ctrl-C or SIGTERM, and prints what was done')}`,
    );

  const up = addUp(program);
  const balancer = addBalancer(
    program,
    () => unknown,
    () => ({ consoleToken: reader.readSecret(CONSOLE_TOKEN_VARIABLE), otlpHeaders: reader.readSecret(OTLP_HEADERS_VARIABLE) }),
  );
  const agent = addAgent(program, () => unknown);
  addFleetCommands(program);
  addCheck(program);
  addBench(program);
  addSimulate(program);
  addRedisCli(program).addOption(redisFlag(RUNNING_FLEET)).addOption(namespaceFlag());
  addHelp(program);
  // As it was written before -v.
  program.addOption(new Option('-V').hideHelp()).on('option:V', () => {
    out.write(`${readVersion()}\n`);
    throw new CommanderError(0, 'commander.version', readVersion());
  });
  program
    .command('demo-host', { hidden: true })
    .requiredOption('--name <name>')
    .requiredOption('--port <port>')
    .option('--show-request')
    .action(runDemoHost);
  program.command('embedded-redis', { hidden: true }).requiredOption('--port <port>').action(runEmbedded);

  program.commands.forEach(refuseRepeated);
  program.hook('preAction', async (_program, command) => {
    run.isJson = command.opts<{ json?: unknown }>().json === true;
    reader.readInto(command);
    if (command === up) for (const started of [balancer, agent]) reader.checkFor(started, up);
    unknown = reader.unknown(program.commands);
    // Those log lines of JSON to stderr, and so they warn themselves.
    if (command === balancer || command === agent) return;
    for (const { variable, nearest } of unknown) {
      out.writeError(
        `meercat: the variable ${JSON.stringify(variable)} is not known and is ignored${nearest === undefined ? '' : `; did you mean ${nearest}?`}\n`,
      );
      // Its children inherit the environment, and each would warn again.
      if (command === up) delete process.env[variable];
    }
    await takeRunningFleet(command, out.writeError);
  });
  return program;
}

/** What to say in place of commander's text when it knows no `--flag=value` of a flag that takes no value. */
function valueOfSwitch(program: Command, text: string): string | undefined {
  const [, flag] = /^error: unknown option '(--[a-z-]+)=/.exec(text) ?? [];
  const isSwitch = program.commands.some(({ options }) => options.some((option) => option.long === flag && option.isBoolean()));
  return isSwitch ? `error: ${flag} takes no value: it is on when it is given, and off without it\n` : undefined;
}

/** `meercat help [command]`; commander's own says nothing of a command that does not exist. */
function addHelp(program: Command): void {
  program
    .command('help')
    .description('print this help, or that of a command')
    .argument('[command]', 'one of the commands')
    .addHelpText('after', `\nExample:\n  meercat help balancer\n${helpEnd('0 printed')}`)
    .action((name: string | undefined) => {
      const commands = program.commands.filter((command) => command.name() === name);
      if (name === undefined) program.help();
      for (const command of commands) command.help();
      const near = nearestWord(name, shownCommands(program));
      program.error(`error: unknown command '${name}'${near === undefined ? '' : `\n(Did you mean ${near}?)`}`);
    });
}

/** The commands that help lists. */
function shownCommands(program: Command): string[] {
  return new Help().visibleCommands(program).map((command) => command.name());
}

/** What help says of a flag: commander's text, and the variable. */
function optionDescription(option: Option): string {
  const text = new Help().optionDescription(option);
  return option instanceof Flag ? `${text} (env: ${option.variable})` : text;
}
