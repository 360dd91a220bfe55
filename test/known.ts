/**
 * Traces whose replay is known to be wrong, as paths from the project's folder, and why. They run as `test.failing`, which tells when
 * one of them is right again.
 */
export const known: Readonly<Record<string, string>> = {};
