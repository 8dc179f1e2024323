// Why a port can't be listened on, with the way out: each listener tells its flags, and the system's error the rest.

import { MeercatError } from './errors.js';

/** What was tried. */
export interface Listening {
  readonly port: number;
  readonly bind: string;
  /** The flags that say where to listen. */
  readonly portFlag: string;
  readonly bindFlag: string;
  /** Who listens there, such as `the console`; the process itself when left out. */
  readonly owner?: string;
  /** How a message calls the port, in place of `port 8080 on 0.0.0.0` or `the console's port 9080`. */
  readonly shown?: string;
}

/** The first port that every user may listen on, unless the machine is set otherwise (net.ipv4.ip_unprivileged_port_start). */
const FIRST_FREE_PORT = 1024;

/** The error for a person: MEERCAT_PORT_TAKEN, or MEERCAT_START_FAILED for any other reason. */
export function listenError(error: NodeJS.ErrnoException, listening: Listening): MeercatError {
  const { port, bind, portFlag, bindFlag, owner } = listening;
  const shown = listening.shown ?? (owner === undefined ? `port ${port} on ${bind}` : `${owner}'s port ${port}`);
  if (error.code === 'EADDRINUSE')
    return new MeercatError('MEERCAT_PORT_TAKEN', `${shown} is taken: choose another with ${portFlag}`, { cause: error });
  if (error.code === 'EACCES' && port < FIRST_FREE_PORT)
    return new MeercatError(
      'MEERCAT_START_FAILED',
      `${shown} needs a right that this user (uid ${process.getuid?.() ?? '?'}) does not have: choose one above ${FIRST_FREE_PORT - 1} with ${portFlag}, or grant CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE; else setcap cap_net_bind_service=+ep on the node program, or sysctl net.ipv4.ip_unprivileged_port_start=${port})`,
      { cause: error },
    );
  return new MeercatError(
    'MEERCAT_START_FAILED',
    `${owner === undefined ? '' : `${owner} `}can't listen on ${bind}:${port} (${error.code ?? error.message}): check ${[...new Set([bindFlag, portFlag])].join(' and ')}`,
    { cause: error },
  );
}
