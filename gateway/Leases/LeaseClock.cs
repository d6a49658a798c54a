using System.Diagnostics;
using System.Runtime.InteropServices;

namespace JitGrains.Gateway.Leases;

/// <summary>A moment by two clocks.</summary>
/// <param name="Monotonic">Since some start, times of suspension included.</param>
/// <param name="Wall">What the wall clock shows.</param>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct LeaseInstant(TimeSpan Monotonic, DateTimeOffset Wall);

/// <summary>
/// How long ago something was, by the clock that says longer: a machine that slept shows it on one, a virtual machine that
/// was set back and resumed on the other. A wall clock that is set forward ends leases early, which costs a registration;
/// one that is set back changes nothing. Thread-safe.
/// </summary>
internal abstract class LeaseClock
{
    /// <summary>This moment.</summary>
    public abstract LeaseInstant Now { get; }

    /// <summary>How long ago it was.</summary>
    public TimeSpan Since(LeaseInstant then)
    {
        var now = Now;
        var monotonic = now.Monotonic - then.Monotonic;
        var wall = now.Wall - then.Wall;
        return monotonic > wall ? monotonic : wall;
    }
}

/// <summary>The machine's clocks: CLOCK_BOOTTIME on Linux, the stopwatch elsewhere (Windows' goes on during sleep).</summary>
internal sealed partial class MachineLeaseClock : LeaseClock
{
    private const int BootTime = 7;
    private static readonly bool HasBootTime = OperatingSystem.IsLinux() && Environment.Is64BitProcess && GetTime(BootTime, out _) == 0;

    public override LeaseInstant Now => new(Monotonic(), TimeProvider.System.GetUtcNow());

    private static TimeSpan Monotonic() =>
        HasBootTime && GetTime(BootTime, out var time) == 0
            ? new TimeSpan(time.Seconds * TimeSpan.TicksPerSecond + time.Nanoseconds / TimeSpan.NanosecondsPerTick)
            : Stopwatch.GetElapsedTime(0);

    // Answered without a system call, and read for each call under an approve rule.
    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    [SuppressGCTransition]
    private static partial int GetTime(int clock, out TimeSpec time);

    [StructLayout(LayoutKind.Sequential)]
    private struct TimeSpec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
