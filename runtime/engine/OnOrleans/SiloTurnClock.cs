using JitGrains.Shell;

namespace JitGrains.Runtime.Engine;

/// <summary>The silo's own clock. The shell sees to it that no grain goes back behind its latest turn, whichever silo ran that.</summary>
internal sealed class SiloTurnClock(TimeProvider time) : ITurnClock
{
    public DateTimeOffset UtcNow => time.GetUtcNow();
}
