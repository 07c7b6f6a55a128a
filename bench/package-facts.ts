// What installing the package brings along, from package-lock.json.

interface Locked {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
}

export interface Lock {
  readonly packages: Readonly<Record<string, Locked>>;
}

/** Names of all packages that are there at run time on such a machine: the direct ones, theirs, and so on. */
export function runtimeDependencies({ packages }: Lock, os: string, cpu: string): string[] {
  const found = new Set<string>();
  const visit = ({ dependencies, optionalDependencies }: Locked): void => {
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const locked = packages[`node_modules/${name}`];
      const fits = locked && (locked.os?.includes(os) ?? true) && (locked.cpu?.includes(cpu) ?? true);
      if (!fits || found.has(name)) continue;
      found.add(name);
      visit(locked);
    }
  };
  visit(packages[''] ?? {});
  return [...found];
}
