using System.Collections.Immutable;

namespace JitGrains.Binding;

/// <summary>The masks that are still open at one place of a part.</summary>
internal readonly struct MaskCursor
{
    private readonly ImmutableArray<(FieldMask Mask, int Depth)> _open;

    private MaskCursor(ImmutableArray<(FieldMask, int)> open) => _open = open;

    /// <summary>The masks of a part, at its root. Masks are validated with the policy; one that cannot be read is a bug.</summary>
    public static MaskCursor Of(ImmutableArray<string> masks, MaskedPart part)
    {
        var open = ImmutableArray.CreateBuilder<(FieldMask, int)>();
        foreach (var text in masks)
        {
            if (!FieldMask.TryParse(text, out var mask, out var problem))
                throw new FormatException($"mask {text}: {problem}");
            if (mask.Part == part)
                open.Add((mask, 0));
        }

        return new MaskCursor(open.DrainToImmutable());
    }

    /// <summary>Whether no mask can match from here on.</summary>
    public bool IsEmpty => _open.IsEmpty;

    /// <summary>The mask of the whole part, if there is one.</summary>
    public FieldMask? Whole => First(static o => o.Mask.Names.IsEmpty);

    /// <summary>
    /// The mask that hides a plain value at this place: one that names something within it. Behind a <c>*</c> values differ
    /// by nature and stay.
    /// </summary>
    public FieldMask? OfPlainValue => First(static o => o.Depth == 0 || o.Mask.Names[o.Depth - 1] != "*");

    /// <summary>Goes to a member: hidden by a mask, or seen with the masks that are open within it.</summary>
    public MaskCursor Enter(string name, out FieldMask? hiddenBy)
    {
        hiddenBy = null;
        if (_open.IsEmpty)
            return this;
        var next = ImmutableArray.CreateBuilder<(FieldMask, int)>(_open.Length);
        foreach (var reading in ReadingsOf(name))
        {
            foreach (var (mask, depth) in _open)
            {
                if (!Matches(mask, depth, reading))
                    continue;
                if (depth + reading.Length >= mask.Names.Length)
                    hiddenBy ??= mask;
                else
                    next.Add((mask, depth + reading.Length));
            }
        }

        return new MaskCursor(next.DrainToImmutable());
    }

    private static bool Matches(FieldMask mask, int depth, string[] steps)
    {
        for (var i = 0; i < steps.Length && depth + i < mask.Names.Length; i++)
        {
            var wanted = mask.Names[depth + i];
            if (wanted != "*" && !wanted.Equals(steps[i], StringComparison.OrdinalIgnoreCase))
                return false;
        }

        return true;
    }

    /// <summary>A name as it stands, and as the path that frameworks make of <c>card[number]</c> or <c>card.number</c>.</summary>
    private static IEnumerable<string[]> ReadingsOf(string name)
    {
        yield return [name.Trim()];
        if (!name.AsSpan().ContainsAny(".[]"))
            yield break;
        var steps = name.Split(['.', '[', ']'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (steps.Length > 0)
            yield return steps;
    }

    private FieldMask? First(Func<(FieldMask Mask, int Depth), bool> condition)
    {
        foreach (var open in _open)
        {
            if (condition(open))
                return open.Mask;
        }

        return null;
    }
}
