import {symbolsOf} from '../../arch/symbols.ts';
import {PF_INSTR, PF_PROT, PF_RSVD, PF_USER, PF_WRITE} from '../../arch/x86/fault.ts';
import {NotModelledError, OutOfFrames} from '../../include/linux/bug.ts';
import {type Config, DEFAULT_CONFIG, failKinds, Machine} from '../../include/linux/machine.ts';
import type {task_struct} from '../../include/linux/mm_types.ts';
import {type RevisionName, revisions} from '../../include/linux/revision.ts';
import {u64} from '../../include/linux/types.ts';
import {dispatch, failAllocation, newOutcome, type Outcome} from '../../kernel/dispatch.ts';
import {EVENT, EVENTS} from '../../kernel/events.ts';
import {addTask, mm_alloc} from '../../kernel/fork.ts';
import {Bindings} from './bind.ts';
import {checkOutcome, type Mismatch, Observer} from './check.ts';
import {configure} from './config.ts';
import {TraceError} from './errors.ts';
import {FIELD, type RowHandler, SymbolTable, TraceReader} from './scan.ts';

/** What a replay can be asked for. */
export interface SessionOptions {
	/** In place of the trace's own. */
	readonly revision?: RevisionName | undefined;
	/** Page frames that the machine may use. */
	readonly maxPages: number;
	/** Past a difference. */
	readonly keepGoing: boolean;
}

/** Who looks on while rows run. */
export interface Onlooker {
	/** Before a row that does something or observes. */
	beforeRow?(row: TraceReader, session: Session): void;
	/** @param mismatch - null if the row agrees @returns false to stop */
	afterRow(row: TraceReader, session: Session, mismatch: Mismatch | null): boolean;
}

const symbolTables = new Map<string, SymbolTable>();

/** What flags may be called under a configuration. */
function symbolTable(config: Partial<Config>): SymbolTable {
	const {arch, revision} = {...DEFAULT_CONFIG, ...config}, key = `${arch} ${revision}`;
	let table = symbolTables.get(key);
	if (table === undefined) {
		table = new SymbolTable(symbolsOf(arch, revisions[revision]));
		symbolTables.set(key, table);
	}
	return table;
}

const ANSWER = {none: 0, call: 1, access: 2, observation: 3} as const;

/** What kind of answer the event of a row has, by its id. */
const answers = Uint8Array.from(EVENTS, ({result}) => {
	switch (result) {
		case 'access': return ANSWER.access;
		case 'call':
		case 'task':
		case 'ok-fail': return ANSWER.call;
		case 'none': return ANSWER.none;
		default: return ANSWER.observation;
	}
});

/** Runs the rows of one trace through one machine and compares. */
export class Session implements RowHandler {
	private readonly options: SessionOptions;
	private readonly onlooker: Onlooker;
	private config: Partial<Config> = {};
	/** From the first row that is not configuration. */
	machine!: Machine;
	names!: Bindings;
	observer!: Observer;
	readonly outcome: Outcome = newOutcome();
	/** Rows that ran, configuration left out. */
	rows = 0;
	/** Task numbers below this one were all used; those above that were used are in the set. */
	private lowestUnused = 2;
	private readonly used = new Set<number>();
	private stopped = false;
	private lastTask: task_struct | null = null;

	constructor(options: SessionOptions, onlooker: Onlooker) {
		this.options = options;
		this.onlooker = onlooker;
	}

	onRow(row: TraceReader): boolean {
		if (row.event === EVENT.config) {
			if (this.machine !== undefined) row.fail(FIELD.event, 'configuration only before every other row');
			this.config = configure(row, this.config);
			row.symbols = this.symbols();
			return this.onComment?.(row) !== false;
		}
		this.begin();
		if (this.stopped) row.fail(FIELD.event, 'the end of the trace, since the kernel has stopped');
		this.onlooker.beforeRow?.(row, this);
		let mismatch: Mismatch | null;
		try {
			mismatch = this.runRow(row);
		} catch (error) {
			return this.refuse(row, error);
		}
		this.rows++;
		return this.onlooker.afterRow(row, this, mismatch);
	}

	/** A comment or blank line, the header, or a configuration row: for whoever writes the trace back. */
	onComment?: (row: TraceReader) => unknown;

	/** The trace's configuration as far as it is read, and what the user has in its place. */
	private configured(): Partial<Config> {
		const {revision} = this.options;
		return revision === undefined ? this.config : {...this.config, revision};
	}

	/** What flags may be called by the configuration as far as it is read. */
	symbols(): SymbolTable {
		return symbolTable(this.configured());
	}

	/** The configuration is complete: at the first other row, or at the end of a trace that has none. */
	begin(): void {
		if (this.machine !== undefined) return;
		this.machine = new Machine({...this.configured(), max_pages: this.options.maxPages});
		this.names = new Bindings(this.machine);
		this.observer = new Observer(this.machine, this.names);
		this.observer.keepGoing = this.options.keepGoing;
		addTask(this.machine, 1, mm_alloc(this.machine));
	}

	private runRow(row: TraceReader): Mismatch | null {
		const {event} = row, answer = answers[event]!;
		if (answer === ANSWER.observation) return this.observer.check(row, event === EVENT.vmstat ? null : this.task(row).mm);
		if (answer === ANSWER.none && row.resultGiven() && !row.resultIs('BUG')) row.fail(FIELD.result, 'no result, for the event has none');
		if (event === EVENT.fail_alloc) return this.failAllocation(row);
		if (event === EVENT.fault || event === EVENT.signal) demandCode(row);
		else if (event === EVENT.migrate && (row.hi[2] !== 0 || row.lo[2]! >>> 0 > 1)) row.fail(FIELD.a2, 'node 0 or 1');
		const task = this.task(row), {outcome} = this;
		if (event === EVENT.mmap || event === EVENT.mremap || event === EVENT.brk || event === EVENT.syscall) this.placeAsRecorded(row);
		else if (event === EVENT.fork || event === EVENT.thread) outcome.child = this.numberForTask(row);
		dispatch(this.machine, task, row, outcome);
		this.stopped = outcome.bug !== null;
		if (outcome.child !== 0 && (event === EVENT.fork || event === EVENT.thread) && outcome.ret > 0) this.useNumber(outcome.child);
		return answer === ANSWER.none && outcome.bug === null && !row.resultIs('BUG') ? null : checkOutcome(this.machine, row, outcome, answer !== ANSWER.access);
	}

	/** The task of a row: nearly always that of the row before. */
	private task(row: TraceReader): task_struct {
		const last = this.lastTask;
		if (last !== null && last.pid === row.task && last.mm !== null) return last;
		this.lastTask = this.machine.tasks.get(row.task) ?? row.fail(FIELD.task, 'a task that is running');
		return this.lastTask;
	}

	private failAllocation(row: TraceReader): null {
		const succeed = u64(row.lo[1]!, row.hi[1]!);
		if (succeed > 2 ** 31 - 1) row.fail(FIELD.a1, 'a number below 2^31');
		if (!failAllocation(this.machine, row.text(FIELD.a0), succeed)) row.fail(FIELD.a0, `one of ${failKinds.join(', ')}`);
		return null;
	}

	/** Where the kernel is free to choose an address, it chooses the one that was recorded. */
	private placeAsRecorded(row: TraceReader): void {
		this.machine.recorded_address = row.resultInteger() && row.resultHi >= 0 ? u64(row.resultLo, row.resultHi) : -1;
	}

	/** The number that a new task gets: the recorded one, or the lowest that was never used. */
	private numberForTask(row: TraceReader): number {
		if (!row.resultInteger() || row.resultHi < 0) return this.lowestUnused;
		const number = row.resultLo;
		if (row.resultHi !== 0 || number < this.lowestUnused || this.used.has(number)) row.fail(FIELD.result, 'a task number that was never used, below 2^31');
		return number;
	}

	private useNumber(number: number): void {
		this.used.add(number);
		while (this.used.delete(this.lowestUnused)) this.lowestUnused++;
	}

	/** What the model cannot do ends the trace, with the place. */
	private refuse(row: TraceReader, error: unknown): never {
		if (error instanceof NotModelledError) return row.failNotModelled(FIELD.event, error.message);
		if (error instanceof OutOfFrames) throw new TraceError(row.file, row.line, row.column(FIELD.event), 'a trace that fits the machine (--max-pages)', error.message);
		throw error;
	}
}

/** Refuses an error code that no processor reports, and a signal that is neither fatal nor not. */
function demandCode(row: TraceReader): void {
	const isFault = row.event === EVENT.fault, most = isFault ? PF_PROT | PF_WRITE | PF_USER | PF_RSVD | PF_INSTR : 1;
	if (row.hi[1] !== 0 || row.lo[1]! < 0 || row.lo[1]! > most) row.fail(FIELD.a1, isFault ? 'an error code of a page fault' : '1 for a fatal signal, 0 for another');
}

/** A reader whose rows run in a session, with the symbolic flags of the architecture. */
export function readerFor(file: string, session: Session): TraceReader {
	const reader = new TraceReader(file, session);
	reader.symbols = session.symbols();
	return reader;
}
