using System.Collections.Immutable;

namespace JitGrains.Runtime.Engine;

/// <summary>A page of a list, or the refusal of the cursor it was asked with. Closed.</summary>
/// <typeparam name="T">The items' type.</typeparam>
public abstract record PageReply<T>
{
    private PageReply() { }

    /// <summary>A page.</summary>
    /// <param name="Items">The items, in the list's order.</param>
    /// <param name="NextCursor">Where the next page begins, or null after the last.</param>
    public sealed record Page(ImmutableArray<T> Items, string? NextCursor) : PageReply<T>;

    /// <summary>The cursor is none that this list gave out.</summary>
    public sealed record MalformedCursor : PageReply<T>;
}

/// <summary>How long pages may be.</summary>
public static class PageLimits
{
    /// <summary>Items on a page where the caller asks for no number.</summary>
    public const int Default = 50;

    /// <summary>Most items on a page; a larger number gives this many.</summary>
    public const int Max = 200;

    internal static int Clamp(int? limit) => Math.Clamp(limit ?? Default, 1, Max);
}
