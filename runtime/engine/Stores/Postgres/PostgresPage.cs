using Npgsql;

namespace JitGrains.Runtime.Engine;

/// <summary>A query of one page, newest first: conditions as they are given, and the place where the page before ended.</summary>
/// <param name="list">The list's letter in cursors.</param>
/// <param name="select">What is selected, up to and with the tables.</param>
/// <param name="order">The columns of the order: time, id and, where ids repeat, number.</param>
internal sealed class PostgresPage(char list, string select, params string[] order)
{
    private readonly List<string> conditions = [];
    private readonly List<object> values = [];

    /// <summary>Adds <c>before value after</c> as a condition, unless there is no value.</summary>
    public PostgresPage And(string before, object? value, string after = "")
    {
        if (value is not null)
            conditions.Add($"{before} {Bind(value)}{after}");
        return this;
    }

    public async Task<PageReply<T>> RunAsync<T>(
        PostgresStore store, string? cursor, int? limit, Func<NpgsqlDataReader, T> read, Func<T, PageCursor> place, CancellationToken cancellationToken)
    {
        if (!PageCursor.TryParse(cursor, list, out var after))
            return new PageReply<T>.MalformedCursor();
        object[] from = [after.Value.Ticks, after.Value.Id, after.Value.Number];
        var names = from.Take(order.Length).Select(Bind).ToArray();
        conditions.Add($"({string.Join(", ", order)}) < ({string.Join(", ", names)})");
        var size = PageLimits.Clamp(limit);
        var sql = $"{select} WHERE {string.Join(" AND ", conditions)} ORDER BY {string.Join(" DESC, ", order)} DESC LIMIT {Bind(size + 1)}";
        var rows = await store.AllAsync(sql, read, cancellationToken, [.. values]);
        return new PageReply<T>.Page([.. rows.Take(size)], rows.Count > size ? place(rows[size - 1]).ToString() : null);
    }

    private string Bind(object value)
    {
        values.Add(value);
        return $"${values.Count}";
    }
}
