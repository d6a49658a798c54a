using JitGrains.Grants;

namespace JitGrains.Gateway.Grants;

/// <summary>Grants that were unpacked lately, for those that are used again and again. Some thousand at most. Thread-safe.</summary>
internal sealed class RecentGrants
{
    private const int Most = 4_096;

    private readonly Unpacked?[] unpacked = new Unpacked?[Most];

    /// <param name="view">The number of the view that it is in.</param>
    /// <param name="place">Its place there.</param>
    public Grant? Find(long view, int place) =>
        Volatile.Read(ref unpacked[Slot(view, place)]) is { } known && known.View == view && known.Place == place ? known.Grant : null;

    public void Keep(long view, int place, Grant grant) => Volatile.Write(ref unpacked[Slot(view, place)], new Unpacked(view, place, grant));

    private static int Slot(long view, int place) => (int)(((ulong)view * 31) + (uint)place) & (Most - 1);

    private sealed record Unpacked(long View, int Place, Grant Grant);
}
