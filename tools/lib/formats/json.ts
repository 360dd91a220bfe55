import type {Format} from './format.ts';

/** For programs: one object a line, a `TraceReport` for each trace. */
export function json(): Format {
	return {
		trace: report => `${JSON.stringify(report)}\n`,
	};
}
