import {printable} from '../errors.ts';
import {headline, type Difference, type Reason, type TraceReport} from '../report.ts';
import type {Colour, Format} from './format.ts';

/** `rap_dst_mapped (L, mm/fremap.c:remap_anon_pages_pte()): the destination is already mapped`. */
function reasonLine({decision, why, source, letter}: Reason): string {
	return `${decision} (${letter}, ${source}): ${why}`;
}

function reasonLines(indent: string, reasons: readonly Reason[]): string[] {
	return reasons.map(reason => `${indent}because ${reasonLine(reason)}`);
}

function differenceLines(file: string, difference: Difference, colour: Colour): string[] {
	const {address, task, reasons, setBy, surroundings, note} = difference;
	const lines = [colour('red', headline(file, difference)), `  row: ${difference.row}`];
	if (address !== null) lines.push(`  at ${address} of task ${task}: ${difference.word} differs`);
	lines.push(...reasonLines('  ', reasons));
	if (setBy !== null) lines.push(`  ${difference.model} since line ${setBy.line}: ${setBy.text}`, ...reasonLines('    ', setBy.reasons));
	if (surroundings !== null) {
		lines.push(`  before line ${surroundings.line}:`, ...surroundings.before.map(line => `    ${line}`));
		lines.push(`  after line ${surroundings.line}:`, ...surroundings.after.map(line => `    ${line}`));
	}
	if (note !== null) lines.push(`  ${note}`);
	return lines;
}

/** For people: one line a trace, and what there is to say of a difference. */
export function text(): Format {
	return {
		trace(report: TraceReport, colour: Colour): string {
			const {status, rows, differences, error} = report, file = printable(report.file);
			if (status === 0) return `${colour('green', 'agrees')} ${file} (${rows} rows, ${report.revision})\n`;
			const lines = differences.flatMap(difference => differenceLines(report.file, difference, colour));
			if (status === 1) lines.push(`${colour('red', 'differs')} ${file} (${rows} rows, ${report.revision}, ${differences.length} ${differences.length === 1 ? 'difference' : 'differences'})`);
			else if (error !== null) lines.push(`${colour('red', status === 2 ? 'unusable' : 'model bug')} ${file}`);
			return `${lines.join('\n')}\n`;
		},
	};
}
