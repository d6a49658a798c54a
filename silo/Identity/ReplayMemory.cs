namespace JitGrains.Silo.Identity;

/// <summary>
/// Remembers what was seen for at least a stretch of time, in bounded memory: two generations, of which the older goes when the
/// younger is that old. Thread-safe.
/// </summary>
internal sealed class ReplayMemory(int capacity, TimeSpan keep)
{
    private readonly Lock gate = new();
    private HashSet<UInt128> young = [];
    private HashSet<UInt128> old = [];
    private DateTimeOffset since = DateTimeOffset.MinValue;

    public enum Seen
    {
        /// <summary>It is new, and remembered from now on.</summary>
        Never,

        /// <summary>It was here before.</summary>
        Before,

        /// <summary>There is no room to remember it.</summary>
        Full,
    }

    /// <summary>Whether it was seen before; if not, it is from now on.</summary>
    public Seen Look(UInt128 what, DateTimeOffset now)
    {
        lock (gate)
        {
            // A clock that is set back keeps more, never less.
            if (now - since >= keep)
            {
                old = now - since >= keep * 2 ? [] : young;
                young = [];
                since = now;
            }

            if (young.Contains(what) || old.Contains(what))
                return Seen.Before;
            if (young.Count >= capacity)
                return Seen.Full;
            young.Add(what);
            return Seen.Never;
        }
    }
}
