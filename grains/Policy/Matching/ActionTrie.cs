using System.Collections.Frozen;
using System.Collections.Immutable;

namespace JitGrains.Policy.Matching;

/// <summary>
/// An API's actions by method and path: a look-up follows a path's segments and meets only templates that fit so far, however
/// many actions there are. Immutable and thread-safe; allocates nothing for a path that one template fits.
/// </summary>
internal sealed class ActionTrie
{
    private readonly FrozenDictionary<string, Node> byMethod;

    /// <param name="actions">The actions, the narrowest first: the order of what is found.</param>
    /// <param name="loose">Whether paths are looked up in their loose form.</param>
    public ActionTrie(ImmutableArray<CompiledAction> actions, bool loose)
    {
        var roots = new Dictionary<string, Node>(StringComparer.Ordinal);
        for (var i = 0; i < actions.Length; i++)
        {
            foreach (var method in actions[i].Definition.Methods.Distinct(StringComparer.Ordinal))
            {
                if (!roots.TryGetValue(method, out var root))
                    roots[method] = root = new Node(loose);
                root.Add(loose ? actions[i].Template.LooseSegments : actions[i].Template.Segments, new Entry(i, actions[i]));
            }
        }

        byMethod = roots.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>The actions that a method and a path's segments fit, the narrowest first.</summary>
    public Candidates Find(string method, ImmutableArray<string> segments)
    {
        var found = default(Candidates);
        if (byMethod.TryGetValue(method, out var root))
            root.Collect(segments.AsSpan(), ref found);
        return found;
    }

    /// <summary>An action and its place in the order.</summary>
    internal readonly record struct Entry(int Order, CompiledAction Action);

    /// <param name="loose">Whether <c>{path*}</c> may be empty, as it may be for many a router.</param>
    private sealed class Node(bool loose)
    {
        private readonly Dictionary<string, Node> literals = new(StringComparer.Ordinal);
        private readonly List<Entry> here = [];
        private readonly List<Entry> rest = [];
        private Node? parameter;

        public void Add(ImmutableArray<TemplateSegment> segments, Entry entry)
        {
            var node = this;
            foreach (var segment in segments)
            {
                if (segment.Kind == SegmentKind.Rest)
                {
                    node.rest.Add(entry);
                    return;
                }

                if (segment.Kind == SegmentKind.Parameter)
                {
                    node = node.parameter ??= new Node(loose);
                    continue;
                }

                var text = loose ? segment.Folded : segment.Text;
                if (!node.literals.TryGetValue(text, out var next))
                    node.literals[text] = next = new Node(loose);
                node = next;
            }

            node.here.Add(entry);
        }

        public void Collect(ReadOnlySpan<string> segments, ref Candidates found)
        {
            if (segments.IsEmpty)
            {
                foreach (var entry in here.Count == 0 && loose ? rest : here)
                    found.Add(entry);
                return;
            }

            // A parameter takes one segment that is not empty; the rest begins with one.
            if (segments[0].Length > 0)
            {
                parameter?.Collect(segments[1..], ref found);
                foreach (var entry in rest)
                    found.Add(entry);
            }

            if (literals.Count > 0 && literals.TryGetValue(segments[0], out var next))
                next.Collect(segments[1..], ref found);
        }
    }
}

/// <summary>Actions that a path fits, the narrowest first; mostly none or one. Not thread-safe.</summary>
internal struct Candidates
{
    private ActionTrie.Entry first;
    private List<ActionTrie.Entry>? more;

    public int Count { get; private set; }

    public readonly CompiledAction this[int index] => index == 0 && more is null ? first.Action : more![index].Action;

    public readonly CompiledAction? FirstOrDefault => Count == 0 ? null : this[0];

    public void Add(ActionTrie.Entry entry)
    {
        if (Count++ == 0)
        {
            first = entry;
            return;
        }

        more ??= [first];
        var at = more.Count;
        while (at > 0 && more[at - 1].Order > entry.Order)
            at--;
        more.Insert(at, entry);
    }

    public readonly bool IsSameAs(in Candidates other)
    {
        if (Count != other.Count)
            return false;
        for (var i = 0; i < Count; i++)
        {
            if (this[i] != other[i])
                return false;
        }

        return true;
    }
}
