using System.Collections.Immutable;
using JitGrains.Runtime.Engine;
using Microsoft.AspNetCore.Http;

namespace JitGrains.Silo.ControlPlane;

/// <summary>Pages of what a caller may see, out of pages of everything.</summary>
internal static class VisiblePages
{
    /// <summary>Rows looked at for one answer; beyond that a page is handed out short, with its cursor.</summary>
    private const int MaxRows = 2000;

    public static async Task<IResult> ReadAsync<T>(
        int limit,
        string? cursor,
        Func<string?, int, Task<PageReply<T>>> read,
        Func<T, ValueTask<bool>> maySee,
        Func<T, T> show)
    {
        var items = ImmutableArray.CreateBuilder<T>();
        var rows = 0;
        do
        {
            // Never more than still fit: a cursor can only continue where a page of the store ended.
            var wanted = limit - items.Count;
            if (await read(cursor, wanted) is not PageReply<T>.Page page)
                return Problems.BadRequest("cursor", "The cursor is none that this list gave out.");
            foreach (var item in page.Items)
            {
                if (await maySee(item))
                    items.Add(show(item));
            }

            rows += page.Items.Length;
            cursor = page.NextCursor;
        }
        while (cursor is not null && items.Count < limit && rows < MaxRows);

        return Json.Ok(new PageView<T>(items.ToImmutable(), cursor));
    }
}
