using System.Globalization;
using System.Text;

namespace JitGrains.Runtime.Engine;

/// <summary>A table that rows are added to: its columns, each text or bigint, and what happens to a row that is there already.</summary>
internal sealed class PostgresTable(string name, string texts, string numbers, string onConflict = "")
{
    /// <summary>Up to so many rows are written out; the text of more would be another statement each time.</summary>
    private const int FewRows = 4;

    private readonly string[] textColumns = texts.Split(' ');
    private readonly string[] numberColumns = numbers.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Appends the statement to <paramref name="sql"/> and its values to <paramref name="values"/>.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="mayWriteOut">Whether a few rows are written out, which is a little cheaper; each number of them is another text.</param>
    /// <param name="sql">The text so far.</param>
    /// <param name="values">Its values so far.</param>
    public void Print(IReadOnlyCollection<PostgresRow> rows, bool mayWriteOut, StringBuilder sql, List<object> values)
    {
        sql.Append("INSERT INTO ").Append(name).Append(" (").AppendJoin(", ", [.. textColumns, .. numberColumns]).Append(") ");
        if (mayWriteOut && rows.Count <= FewRows)
        {
            sql.Append("VALUES ");
            var separator = "(";
            foreach (var row in rows)
            {
                foreach (var value in (object[])[.. row.Texts, .. row.Numbers.Select(n => (object)n)])
                {
                    values.Add(value);
                    sql.Append(CultureInfo.InvariantCulture, $"{separator}${values.Count}");
                    separator = ", ";
                }

                separator = "), (";
            }

            sql.Append(')');
        }
        else
        {
            sql.Append("SELECT * FROM unnest(");
            for (var i = 0; i < textColumns.Length; i++)
                AddColumn(sql, values, i == 0 ? "" : ", ", "text", rows.Select(r => r.Texts[i]).ToArray());
            for (var i = 0; i < numberColumns.Length; i++)
                AddColumn(sql, values, ", ", "bigint", rows.Select(r => r.Numbers[i]).ToArray());
            sql.Append(')');
        }

        sql.Append(' ').Append(onConflict);
    }

    private static void AddColumn(StringBuilder sql, List<object> values, string separator, string type, Array column)
    {
        values.Add(column);
        sql.Append(CultureInfo.InvariantCulture, $"{separator}${values.Count}::{type}[]");
    }
}

/// <summary>A row of a <see cref="PostgresTable"/>: its texts, then its numbers.</summary>
internal sealed record PostgresRow(string[] Texts, long[] Numbers);
