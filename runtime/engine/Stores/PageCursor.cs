using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace JitGrains.Runtime.Engine;

/// <summary>
/// A place in a list that is ordered by time, then by id, newest first: the last item of the page before. Opaque to
/// clients (base64url), and only ever used as values of a query, so a forged one shows no more than an honest one.
/// </summary>
/// <param name="List">A letter for the list that gave it out.</param>
/// <param name="Ticks">The last item's time, in UTC ticks.</param>
/// <param name="Id">The last item's id.</param>
/// <param name="Number">A number that orders items of one id (an audit entry's sequence), else 0.</param>
internal readonly record struct PageCursor(char List, long Ticks, string Id, long Number = 0)
{
    private const int MaxLength = 2048;

    public override string ToString() =>
        Base64Url.EncodeToString(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{List}.{Ticks}.{Number}.{Id}")));

    /// <summary>False where the text is no cursor of this list. No text at all is the start of the list.</summary>
    public static bool TryParse(string? text, char list, [NotNullWhen(true)] out PageCursor? cursor)
    {
        if (string.IsNullOrEmpty(text))
        {
            cursor = new PageCursor(list, long.MaxValue, "", long.MaxValue);
            return true;
        }

        cursor = null;
        if (text.Length > MaxLength || !Base64Url.IsValid(text))
            return false;
        var parts = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(text)).Split('.', 4);
        if (parts.Length != 4 || parts[0] != list.ToString()
            || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var ticks)
            || ticks > DateTimeOffset.MaxValue.UtcTicks
            || !long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            || parts[3].Length == 0)
        {
            return false;
        }

        cursor = new PageCursor(list, ticks, parts[3], number);
        return true;
    }

    /// <summary>Whether an item comes after this place in a newest-first list.</summary>
    public bool IsBefore(long ticks, string id, long number = 0)
    {
        if (ticks != Ticks)
            return ticks < Ticks;
        var order = string.CompareOrdinal(id, Id);
        return order != 0 ? order < 0 : number < Number;
    }
}
