// The names of simulated hosts, by their numbers.

/** The name of a host, by its number, and back. */
export function hostNameOf(host: number): string {
  return `h${host + 1}`;
}

/** The number of a host, by its name. */
export function hostIndexOf(name: string): number {
  return Number(name.slice(1)) - 1;
}
