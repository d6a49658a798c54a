using System.Collections.Immutable;
using System.Text.Json;
using JitGrains.Json;
using JitGrains.Outbox;

namespace JitGrains.Simulation.Exploring;

/// <summary>What a source has not delivered yet, by number, in order. Not thread-safe.</summary>
internal sealed class Messages
{
    private readonly List<ImmutableArray<OutboxMessage>> lists = [];
    private readonly Dictionary<string, int> numbers = new(StringComparer.Ordinal);

    public ImmutableArray<OutboxMessage> this[int number] => lists[number];

    public int Of(ImmutableArray<OutboxMessage> list)
    {
        var text = JsonSerializer.Serialize(list, JitJson.Options);
        if (numbers.TryGetValue(text, out var known))
            return known;
        lists.Add(list);
        return numbers[text] = lists.Count - 1;
    }
}
