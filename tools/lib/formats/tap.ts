import {printable} from '../errors.ts';
import {headline, type Difference, type TraceReport} from '../report.ts';
import type {Format} from './format.ts';

/** A description without what TAP takes for its own. */
function description(text: string): string {
	return printable(text).replace(/[\\#]/g, '\\$&');
}

/** The explanation as a YAML block, whose values are JSON strings. */
function diagnostics(difference: Difference): string[] {
	const {row, word, recorded, model, address, reasons, setBy, note} = difference;
	const values = {row, word, recorded, model, address, because: reasons.map(reason => `${reason.decision}: ${reason.why}`), since: setBy === null ? null : `line ${setBy.line}: ${setBy.text}`, note};
	return ['      ---', ...Object.entries(values).filter(([, value]) => value !== null).map(([key, value]) => `      ${key}: ${JSON.stringify(value)}`), '      ...'];
}

/** The points of one trace: one for each difference, or one for all its rows. */
function points({file, differences, rows, error}: TraceReport): string[] {
	if (error !== null) return [`    not ok 1 - ${description(error)}`, '    1..1'];
	if (differences.length === 0) return [`    ok 1 - ${rows} rows agree`, '    1..1'];
	const lines = differences.flatMap((difference, i) => [`    not ok ${i + 1} - ${description(headline(file, difference))}`, ...diagnostics(difference)]);
	return [...lines, `    1..${differences.length}`];
}

/** TAP 14: one subtest a trace, one point for each trace and each difference. */
export function tap(): Format {
	let number = 0;
	return {
		begin: () => 'TAP version 14\n',
		trace(report) {
			const name = description(report.file);
			number++;
			return `${[`# Subtest: ${name}`, ...points(report), `${report.status === 0 ? 'ok' : 'not ok'} ${number} - ${name}`].join('\n')}\n`;
		},
		end: reports => `1..${reports.length}\n`,
	};
}
