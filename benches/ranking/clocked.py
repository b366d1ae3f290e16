"""Runs a peer's script as it stands, with a clock that counts processor time, and says in a last line of JSON what it cost.

    clocked.py steps  SCRIPT MODE THREADS [sdpa]   torch_steps.py: processor and wall time of a step
    clocked.py epochs SCRIPT MODEL SEED            ctr.py: processor time of an epoch, with its pass over the validation part and without
    clocked.py whole  SCRIPT ARGUMENT...           anything else: processor time of all it does after its imports

The script's arithmetic is not touched: it is given a module `time` of its own, whose readings are written down."""
import importlib, json, os, resource, runpy, statistics, sys, time, types

PACKAGES = ('numpy', 'pandas', 'scipy', 'torch', 'sklearn', 'lightgbm', 'xgboost', 'deepctr_torch')
LOADED_AHEAD = {'steps': ('torch',), 'epochs': ('deepctr_torch', 'deepctr_torch.models', 'pandas', 'sklearn.metrics'), 'whole': ('pandas', 'sklearn.metrics')}


def main():
    kind, script, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
    # A check for a newer version that asks a server when the package is imported.
    os.environ.setdefault('no_proxy', '*')
    # What is imported here keeps the clock as it is.
    for package in LOADED_AHEAD[kind]:
        importlib.import_module(package)
    readings = []

    def read():
        readings.append((time.perf_counter(), time.process_time()))
        return readings[-1][1]

    clock = types.ModuleType('time')
    clock.__dict__.update(time.__dict__)
    clock.time = clock.perf_counter = read
    real, sys.modules['time'] = sys.modules['time'], clock
    sys.argv = [script, *arguments]
    began = time.process_time()
    try:
        runpy.run_path(script, run_name='__main__')
    except SystemExit as end:
        if end.code:
            raise
    finally:
        sys.modules['time'] = real
    line = {'total_cpu_s': time.process_time() - began, 'peak_rss_mb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    line.update(READ[kind](readings))
    line['versions'] = {name: sys.modules[name].__version__ for name in PACKAGES if hasattr(sys.modules.get(name), '__version__')}
    sys.stdout.flush()
    print(json.dumps(line), flush=True)


def steps(readings):
    """`timed` reads when it starts, and then three times a step: whether time is left, before, after."""
    inside = readings[1:-1]
    pairs = [(inside[i + 1], inside[i + 2]) for i in range(0, len(inside) - 2, 3)]
    wall, cpu = ([1e3 * (after[k] - before[k]) for before, after in pairs] for k in (0, 1))
    return {'cpu_ms': statistics.mean(cpu), 'step_ms': statistics.median(wall), 'steps': len(pairs)}


def epochs(readings):
    """`ctr.py` reads before and after `fit`, and the next reading comes after the validation part; the last two frame the test part."""
    starts, ends = readings[0:-2:2], readings[1:-2:2]
    fit = [end[1] - start[1] for start, end in zip(starts, ends)]
    whole = [after[1] - before[1] for before, after in zip(starts, readings[2::2])]
    return {'epoch_cpu_s': statistics.median(whole), 'fit_cpu_s': statistics.median(fit), 'epochs': len(fit)}


READ = {'steps': steps, 'epochs': epochs, 'whole': lambda readings: {}}
main()
