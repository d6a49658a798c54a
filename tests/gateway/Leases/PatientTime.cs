namespace JitGrains.GatewayTests.Leases;

/// <summary>
/// The machine's time, as one to whom all takes longer sees it: who waits by it has eight times the patience. A gateway
/// of a test on a busy machine, which answers half a second late, is not a silent one. Thread-safe.
/// </summary>
internal sealed class PatientTime : TimeProvider
{
    private const int Patience = 8;

    public override long TimestampFrequency => System.TimestampFrequency * Patience;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        System.CreateTimer(callback, state, Longer(dueTime), Longer(period));

    private static TimeSpan Longer(TimeSpan time) => time == Timeout.InfiniteTimeSpan ? time : time * Patience;
}
