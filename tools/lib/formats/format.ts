import type {TraceReport} from '../report.ts';

/** Colours text where colours are wanted. */
export interface Colour {
	(name: 'red' | 'green', text: string): string;
}

/** How reports are printed. */
export interface Format {
	/** Before the first trace. */
	begin?(): string;
	/** After each trace, as it ends. */
	trace(report: TraceReport, colour: Colour): string;
	/** After the last one. */
	end?(reports: readonly TraceReport[]): string;
}
