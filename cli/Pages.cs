using System.Text.Json;
using System.Text.Json.Nodes;
using JitGrains.Cli.Api;

namespace JitGrains.Cli;

/// <summary>Reads a paged list to its end or to a limit.</summary>
internal static class Pages
{
    public const int DefaultLimit = 200;
    public const int LargestLimit = 100_000;
    private const int PageSize = 100;

    /// <summary>The items, or the answer that ended the reading.</summary>
    /// <param name="Items">The items so far, in the server's order.</param>
    /// <param name="More">Whether the server has more.</param>
    /// <param name="Failure">What went wrong, or null.</param>
    internal sealed record Result(IReadOnlyList<JsonElement> Items, bool More, ApiAnswer? Failure)
    {
        /// <summary>One document of all pages read.</summary>
        public JsonElement ToJson()
        {
            var items = new JsonArray([.. Items.Select(i => JsonNode.Parse(i.GetRawText()))]);
            return JsonSerializer.SerializeToElement(new JsonObject { ["items"] = items, ["more"] = More });
        }
    }

    public static async Task<Result> ReadAsync(ApiClient client, string path, IEnumerable<(string Name, string? Value)> query, int limit, CancellationToken ct)
    {
        var items = new List<JsonElement>();
        var filter = query.Where(q => q.Value is not null).Select(q => $"&{q.Name}={Uri.EscapeDataString(q.Value!)}");
        var start = $"{path}?limit={Math.Min(limit, PageSize)}{string.Concat(filter)}";
        var cursor = "";
        while (true)
        {
            var answer = await client.GetAsync(cursor.Length == 0 ? start : $"{start}&cursor={Uri.EscapeDataString(cursor)}", ct);
            if (answer is not ApiAnswer.Ok ok)
                return new Result(items, More: false, answer);
            if (ok.Body.ValueKind != JsonValueKind.Object || !ok.Body.TryGetProperty("items", out var page) || page.ValueKind != JsonValueKind.Array)
                return new Result(items, More: false, new ApiAnswer.Unreadable("the server's list has no items"));
            items.AddRange(page.EnumerateArray());
            var next = ok.Body.TryGetProperty("next_cursor", out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";
            if (items.Count >= limit)
                return new Result([.. items.Take(limit)], More: next.Length > 0 || items.Count > limit, null);
            if (next.Length == 0 || next == cursor)
                return new Result(items, More: false, null);
            cursor = next;
        }
    }
}
