using JitGrains.Audit;

namespace JitGrains.Runtime.Engine;

internal sealed partial class MemoryStore : IPersonalValues
{
    private readonly Dictionary<string, long> erased = new(StringComparer.Ordinal);

    public Task<IReadOnlyList<string>> FindAsync(string person, CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            return Task.FromResult<IReadOnlyList<string>>(
                [.. personalValues.Values.Where(v => v.Value.Split(PersonalValue.Separator).Contains(person, StringComparer.Ordinal)).Select(v => v.Digest).Order(StringComparer.Ordinal)]);
        }
    }

    public Task EraseAsync(IReadOnlyCollection<string> digests, DateTimeOffset at, CancellationToken cancellationToken = default)
    {
        lock (gate)
        {
            foreach (var digest in digests)
            {
                var again = erased.TryGetValue(digest, out var before) && before >= at.UtcTicks;
                if (personalValues.TryGetValue(digest, out var value) && (!again || value.ActedAt <= at.UtcTicks))
                    personalValues.Remove(digest);
                erased[digest] = Math.Max(before, at.UtcTicks);
            }
        }

        return Task.CompletedTask;
    }

    public void Forget(string digest, DateTimeOffset at) { }

    public void ForgetAll() { }
}
