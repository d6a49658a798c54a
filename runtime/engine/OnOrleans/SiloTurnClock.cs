using JitGrains.Shell;

namespace JitGrains.Runtime.Engine;

/// <summary>The silo's own clock. The shell sees to it that no grain goes back behind its latest turn, whichever silo ran that.</summary>
internal sealed class SiloTurnClock(TimeProvider time, IStoreEpoch epoch) : ITurnClock
{
    public string Epoch => epoch.Current;

    public DateTimeOffset UtcNow => time.GetUtcNow();
}
