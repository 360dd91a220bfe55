import {type Decision, decisionNames, decisions, DECISIONS_KEPT, letterOf} from '../../include/linux/decisions.ts';
import type {Machine} from '../../include/linux/machine.ts';
import {printable} from './errors.ts';

// What a replay found, as data. `--format json` prints a TraceReport a line; the fields are documented in README.md.

/** Why the model answered as it did. */
export interface Reason {
	/** The stable name of the decision. */
	readonly decision: string;
	/** One sentence. */
	readonly why: string;
	/** `file:function()` in the kernel. */
	readonly source: string;
	/** How we know: L, P, K or I. */
	readonly letter: string;
}

/** A row of the trace. */
export interface RowOfTrace {
	readonly line: number;
	readonly text: string;
}

/** Vmas and entries around an address. */
export interface Surroundings {
	/** Of the row that the two lists stand around. */
	readonly line: number;
	readonly before: readonly string[];
	readonly after: readonly string[];
}

/** A row that the model does not agree with. */
export interface Difference {
	readonly line: number;
	readonly event: string;
	/** The row as it stands in the trace. */
	readonly row: string;
	readonly task: number;
	/** The word that differs; `result` for what a call or an access ended with. */
	readonly word: string;
	readonly recorded: string;
	readonly model: string;
	/** The page, in hexadecimal; null if it is not about a page. */
	readonly address: string | null;
	/** Decisions of the row itself, in their order. */
	readonly reasons: readonly Reason[];
	/** The row that gave the word the value that it has in the model; null if none did, or it is not known. */
	readonly setBy: (RowOfTrace & {readonly reasons: readonly Reason[]}) | null;
	/** Around the row that set the word, or else around the row itself; null if not known. */
	readonly surroundings: Surroundings | null;
	/** Why there is no more to say; null if all is said. */
	readonly note: string | null;
}

/** 0: all agree; 1: a row differs; 2: unusable input; 3: the model found itself wrong. */
export type Status = 0 | 1 | 2 | 3;

/** How the replay of a trace ended. */
export interface TraceReport {
	readonly file: string;
	readonly status: Status;
	readonly revision: string;
	/** Rows that ran, configuration left out. */
	readonly rows: number;
	readonly differences: readonly Difference[];
	/** One line for status 2 and 3; null otherwise. */
	readonly error: string | null;
}

/** The decisions of the last row, oldest first. */
export function reasonsOf(m: Machine): Reason[] {
	const first = Math.max(0, m.nr_decided - DECISIONS_KEPT), reasons: Reason[] = [];
	for (let i = first; i < m.nr_decided; i++) {
		const name = decisionNames[m.decided[i & (DECISIONS_KEPT - 1)]!]!, decision: Decision = decisions[name];
		// the same decision for page after page is told once
		if (reasons.at(-1)?.decision === name) continue;
		reasons.push({decision: name, why: decision.why, source: decision.source, letter: letterOf(decision, m.config.revision) ?? '-'});
	}
	return reasons;
}

/** The first line of a difference, as every format has it. */
export function headline(file: string, difference: Difference): string {
	return `${printable(file)}:${difference.line}: ${difference.event}: recorded ${difference.recorded}, model ${difference.model}`;
}
