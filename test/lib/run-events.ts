import {D, decisionNames} from '../../include/linux/decisions.ts';
import {LockDep, type Point, setLockDep} from '../../include/linux/lockdep.ts';
import {type Config, Machine} from '../../include/linux/machine.ts';
import {dispatch, failAllocation, newOutcome, type Outcome} from '../../kernel/dispatch.ts';
import {EVENT} from '../../kernel/events.ts';
import {addTask, mm_alloc} from '../../kernel/fork.ts';
import {Contents} from './contents.ts';
import {broken, BrokenInvariant} from './broken.ts';
import {checkNothingLeft, type Finding, findings, type Inspector, inspectorOf} from './invariants.ts';
import {CSV_HEADER, RandomEvents, type Step, step, type Theme, toCsv} from './random-events.ts';

/** What is run: so many random events of a seed on one kind of machine. */
export interface Plan {
	readonly seed: number;
	readonly events: number;
	readonly theme: Theme;
	readonly config: Partial<Config>;
}

/** What a run has shown of itself. */
export interface Report {
	events: number;
	/** Machines that were begun, each with one task: one, and one for each time when all tasks were killed. */
	machines: number;
	/** By decision, how often it was taken. */
	readonly taken: Float64Array;
	/** How often each of what the postings break has begun. */
	readonly findings: Record<Finding, number>;
	/** Points that were passed, at which another task could run. */
	readonly points: Map<Point, number>;
}

export function newReport(): Report {
	return {
		events: 0, machines: 0, taken: new Float64Array(decisionNames.length), findings: {scattered: 0, lost: 0, shared: 0, stained: 0, orphan: 0},
		points: new Map(),
	};
}

/** A machine whose every row is followed by a look at all of it. */
class Watched {
	readonly m: Machine;
	readonly lockdep = new LockDep();
	readonly out: Outcome = newOutcome();
	/** The kernel has stopped. */
	stopped = false;
	private readonly inspector: Inspector;
	private contents: Contents | null;

	constructor(config: Partial<Config>) {
		this.m = new Machine(config);
		addTask(this.m, 1, mm_alloc(this.m));
		this.inspector = inspectorOf(this.m);
		this.contents = new Contents(this.m, this.inspector);
		setLockDep(this.lockdep);
	}

	/** Runs one row and looks at everything. A row of a task that is not there is passed over: a shorter sequence may have lost the fork. */
	run(row: Step, look = true): void {
		const {m, out} = this, task = m.tasks.get(row.task);
		if (task === undefined || (row.child !== 0 && task.fatal_signal_pending)) return;
		if (look) this.contents?.begin(row);
		if (row.event === EVENT.fail_alloc) {
			failAllocation(m, row.kind, row.lo[1]!);
		} else {
			out.child = row.child;
			dispatch(m, task, row, out);
			if (out.bug !== null) return this.stop(out.bug);
		}
		this.lockdep.assertNothingHeld();
		if (!look) return this.forgetContents();
		this.inspector.check();
		this.contents?.end(row, out);
	}

	/** A huge zero page was moved: the postings' own BUG_ON, behind which there is nothing to look at. */
	private stop(bug: string): void {
		if (this.m.taken[D.rap_huge_zero_page] === 0) broken('BUG', `the kernel has stopped: ${bug}`);
		this.stopped = true;
	}

	/** What is not followed row by row cannot be known. */
	private forgetContents(): void {
		this.contents = null;
	}

	/** Ends the tasks that are left, each with a look, and nothing may be left of them. */
	end(): void {
		if (this.stopped) return;
		for (const pid of [...this.m.tasks.keys()]) this.run(step('exit', pid));
		checkNothingLeft(this.m);
	}
}

/** What went wrong, in a word that stays the same for a shorter sequence that goes wrong alike. */
function kindOf(error: unknown): string {
	if (error instanceof BrokenInvariant) return error.invariant;
	return error instanceof Error ? `${error.name} ${error.message.replace(/\d+/g, 'N')}` : String(error);
}

/**
 * Runs rows on a fresh machine.
 *
 * @param thorough - looks after each row; otherwise, which is much faster, only around the last one
 * @returns what went wrong; null if nothing did
 */
function failureOf(config: Partial<Config>, rows: readonly Step[], thorough: boolean): unknown {
	const watched = new Watched(config);
	try {
		for (const [i, row] of rows.entries()) {
			watched.run(row, thorough || i >= rows.length - 2);
			if (watched.m.tasks.size === 0 || watched.stopped) break;
		}
		watched.end();
		return null;
	} catch (error) {
		return error;
	} finally {
		setLockDep(null);
	}
}

/** How long a failing sequence is made shorter, in milliseconds. */
const SHRINKING_TIME = 20_000;

/** Leaves out a fork or thread, and lets the parent do what the child did. @returns null if the row is neither */
function withoutTask(rows: readonly Step[], i: number): readonly Step[] | null {
	const {child, task} = rows[i]!;
	return child === 0 ? null : rows.filter((_, at) => at !== i).map(row => row.task === child ? {...row, task} : row);
}

/** Leaves out what a failure does not need: halves, quarters, down to single rows and to single tasks. */
function shrink(config: Partial<Config>, rows: readonly Step[], error: unknown): readonly Step[] {
	const until = Date.now() + SHRINKING_TIME, kind = kindOf(error), thorough = kind === 'contents';
	const fails = (some: readonly Step[], all: boolean): boolean => {
		const failure = failureOf(config, some, all);
		return failure !== null && kindOf(failure) === kind;
	};
	let left = rows;
	for (let size = Math.ceil(left.length / 2); ; size = Math.ceil(size / 2)) {
		const before = left.length;
		for (let from = 0; from < left.length && Date.now() < until;) {
			const fewer = [...left.slice(0, from), ...left.slice(from + size)];
			if (fails(fewer, thorough)) left = fewer;
			else from += size;
		}
		if (size === 1) {
			for (let i = left.length - 1; i >= 0 && Date.now() < until; i--) {
				const fewer = withoutTask(left, i);
				if (fewer !== null && fails(fewer, thorough)) left = fewer;
			}
		}
		if (Date.now() >= until || (size === 1 && left.length === before)) return thorough || fails(left, true) ? left : rows;
	}
}

function configRows(config: Partial<Config>): string[] {
	return Object.entries(config).map(([key, value]) => `config,,${key},${typeof value === 'boolean' ? Number(value) : value}`);
}

/** What a person needs to see a failure again: the seed, the rows that are enough, and the last ones as they were. */
function describeFailure(plan: Plan, event: number, rows: readonly Step[], error: unknown): string {
	const {seed, config} = plan, enough = shrink(config, rows, error), short = failureOf(config, enough, true) ?? error;
	const trace = (some: readonly Step[]): string => [CSV_HEADER, ...configRows(config), ...some.map(toCsv)].join('\n');
	return [
		error instanceof Error ? `${error.name}: ${error.message}` : String(error),
		`seed ${seed}, event ${event}, ${JSON.stringify(config)}`,
		`${enough.length} of ${rows.length} rows are enough for: ${short instanceof Error ? short.message : String(short)}`,
		trace(enough),
		'the last 20 rows were:',
		...rows.slice(-20).map(toCsv),
		error instanceof Error ? error.stack ?? '' : '',
	].join('\n');
}

/** One machine until its events are over or all its tasks are killed. @returns how many events it had */
function runMachine(plan: Plan, nr: number, most: number, report: Report): number {
	const watched = new Watched(plan.config), {m} = watched, events = new RandomEvents(m, plan.seed * 1000 + nr, plan.theme), rows: Step[] = [];
	try {
		while (rows.length < most && m.tasks.size > 0 && !watched.stopped) {
			const row = events.next();
			rows.push(row);
			watched.run(row);
			events.ended(row, watched.out);
		}
		watched.end();
	} catch (error) {
		throw new Error(describeFailure(plan, report.events + rows.length, rows, error));
	} finally {
		setLockDep(null);
	}
	m.taken.forEach((times, decision) => report.taken[decision]! += times);
	for (const [point, times] of watched.lockdep.points) report.points.set(point, (report.points.get(point) ?? 0) + times);
	for (const finding of findings) report.findings[finding] += inspectorOf(m).marks[finding].begun;
	return rows.length;
}

/**
 * Runs the random events of a plan, and looks at everything after each.
 *
 * @throws Error with the seed and with rows that can be replayed
 */
export function runEvents(plan: Plan, report: Report): void {
	for (let left = plan.events, nr = 0; left > 0; nr++) {
		const events = runMachine(plan, nr, left, report);
		left -= events;
		report.events += events;
		report.machines++;
	}
}
